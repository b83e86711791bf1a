/** Convolution against its definition in float64, forward and backward. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError } from '../src/engine/index.js';
import { conv2d, padColumns, unfold } from '../src/kernels/convolution/index.js';
import { checkGradients } from './gradient-check.js';
import { randomValues, withEngine } from './helpers.js';
import { convolutionReference, convolutionSize, type ConvolutionCase } from './reference/convolution.js';

const CASES: readonly ConvolutionCase[] = [
  // The stem's two convolutions, small.
  { batch: 2, height: 8, width: 8, channels: 3, outputs: 16, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1, gelu: true },
  { batch: 2, height: 6, width: 6, channels: 16, outputs: 32, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 },
  // Odd sizes, windows that do not reach the last row, strides beyond the window, no padding, much padding.
  { batch: 1, height: 7, width: 5, channels: 3, outputs: 5, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 },
  { batch: 2, height: 5, width: 8, channels: 8, outputs: 4, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 },
  { batch: 2, height: 5, width: 6, channels: 3, outputs: 4, kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 2 },
  { batch: 3, height: 9, width: 4, channels: 4, outputs: 3, kernelHeight: 2, kernelWidth: 3, stride: 1, padding: 0 },
  { batch: 1, height: 8, width: 11, channels: 2, outputs: 4, kernelHeight: 2, kernelWidth: 2, stride: 3, padding: 0 },
  { batch: 1, height: 3, width: 2, channels: 4, outputs: 8, kernelHeight: 3, kernelWidth: 5, stride: 2, padding: 3, gelu: true },
  { batch: 1, height: 1, width: 1, channels: 1, outputs: 1, kernelHeight: 1, kernelWidth: 1, stride: 1, padding: 0 },
];

test('conv2d: values and gradients of x, weight and bias', () =>
  withEngine(async (engine) => {
    for (const sizes of CASES) {
      const { batch, height, width, channels, outputs, kernelHeight, kernelWidth, stride, padding, gelu } = sizes;
      const options = { stride, padding, activation: gelu ? 'gelu' : 'none' } as const;
      const shapes = [[batch, height, width, channels], [outputs, kernelHeight, kernelWidth, channels], [outputs]];
      await checkGradients({
        engine,
        name: `conv2d ${JSON.stringify(sizes)}`,
        inputs: shapes.map((shape, index) => ({ shape, data: randomValues(shape.reduce((a, b) => a * b, 1), index + 1) })),
        forward: ([x, weight, bias]) => {
          const y = conv2d(engine, x, weight, bias, options);
          assert.deepEqual(y.shape, [batch, ...convolutionSize(sizes), outputs]);
          return y;
        },
        reference: ([x, weight, bias]) => convolutionReference(x, weight, bias, sizes),
      });
      await checkGradients({
        engine,
        name: `conv2d without bias ${JSON.stringify(sizes)}`,
        inputs: shapes.slice(0, 2).map((shape, index) => ({ shape, data: randomValues(shape.reduce((a, b) => a * b, 1), index + 1) })),
        forward: ([x, weight]) => conv2d(engine, x, weight, null, options),
        reference: ([x, weight]) => convolutionReference(x, weight, null, sizes),
        samples: 8,
      });
    }
  }));

test('an image that needs no gradient gets none', () =>
  withEngine(async (engine) => {
    const x = engine.tensor(randomValues(4 * 4 * 3, 1), [1, 4, 4, 3]);
    const weight = engine.tensor(randomValues(4 * 27, 2), [4, 3, 3, 3]);
    engine.withTape((tape) => {
      tape.watch(weight);
      const y = conv2d(engine, x, weight, null, { stride: 2, padding: 1 });
      tape.backward([[y, engine.tensor(randomValues(y.size, 3), y.shape)]]);
      assert.equal(tape.gradientOf(x), null);
      assert.deepEqual(tape.gradientOf(weight)?.shape, [4, 3, 3, 3]);
    });
  }));

test('padded columns are zeros and carry gradients of the others only', () =>
  withEngine(async (engine) => {
    const x = engine.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const { y, dx } = engine.withTape((tape) => {
      tape.watch(x);
      const padded = padColumns(engine, x, 5);
      tape.backward([[padded, engine.tensor(Float32Array.from({ length: 10 }, (_, index) => index), [2, 5])]]);
      return { y: padded, dx: tape.gradientOf(x) };
    });
    assert.deepEqual([...(await engine.read(y))], [1, 2, 3, 0, 0, 4, 5, 6, 0, 0]);
    assert.ok(dx);
    assert.deepEqual([...(await engine.read(dx))], [0, 1, 2, 5, 6, 7]);
    assert.equal(padColumns(engine, x, 3), x);
  }));

test('shapes that do not fit are refused in words', () =>
  withEngine(async (engine) => {
    const image = engine.zeros([1, 4, 4, 3]);
    const weight = engine.zeros([8, 3, 3, 3]);
    assert.throws(() => conv2d(engine, image, engine.zeros([8, 3, 3, 4]), null), (error) => error instanceof ShapeError && /\[8, 3, 3, 4\]/.test(error.message));
    assert.throws(() => conv2d(engine, image, weight, engine.zeros([7])), ShapeError);
    assert.throws(() => conv2d(engine, image, weight, null, { stride: 0 }), ShapeError);
    assert.throws(() => conv2d(engine, image, engine.zeros([8, 5, 5, 3]), null), ShapeError);
    assert.throws(() => unfold(engine, engine.zeros([4, 4, 3]), { kernelHeight: 1, kernelWidth: 1, stride: 1, padding: 0 }, 4), ShapeError);
  }));
