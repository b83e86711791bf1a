import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError } from '../src/engine/index.js';
import { batchNorm, columnMoments, l2Normalize, layerNorm, softmax } from '../src/kernels/normalization/index.js';
import { checkGradients } from './gradient-check.js';
import { withBothGeometries } from './geometries.js';
import { expectClose, randomValues } from './helpers.js';
import * as reference from './reference/normalization.js';

/**
 * Odd sizes, a row longer than a workgroup, many rows. Not two columns: a normalised pair is ±1 whatever its input, so
 * its gradient is all cancellation.
 */
const SHAPES: readonly (readonly [number, number])[] = [[1, 4], [5, 3], [3, 200], [300, 16], [5, 192], [2, 768]];

const values = (count: number, seed: number, offset = 0) => randomValues(count, seed).map((value) => 2 * value + offset);

test('layer norm and its gradients equal the float64 reference', () =>
  withBothGeometries(async (engine) => {
    for (const [rows, columns] of SHAPES) {
      await checkGradients({
        engine,
        name: `layerNorm [${rows}, ${columns}]`,
        inputs: [
          { shape: [rows, columns], data: values(rows * columns, 1) },
          { shape: [columns], data: values(columns, 2, 1) },
          { shape: [columns], data: values(columns, 3) },
        ],
        forward: ([x, weight, bias]) => layerNorm(engine, x, weight, bias),
        reference: ([x, weight, bias]) => reference.layerNorm(x, weight, bias),
      });
    }
  }));

test('layer norm does not cancel when the mean is far larger than the spread', () =>
  withBothGeometries(async (engine) => {
    const x = randomValues(4 * 64, 5).map((value) => value + 1000);
    const ones = new Float32Array(64).fill(1);
    const zeros = new Float32Array(64);
    const y = layerNorm(engine, engine.tensor(x, [4, 64]), engine.tensor(ones, [64]), engine.tensor(zeros, [64]));
    // f32 numbers near 1000 are 6e-5 apart, so the mean itself is known to about 1e-4 of the spread.
    await expectClose(engine, y, reference.layerNorm(Float64Array.from(x), Float64Array.from(ones), Float64Array.from(zeros)), 3e-4, 'layerNorm');
  }));

test('a layer norm in f16 is the one in f32, rounded', () =>
  withBothGeometries(async (engine) => {
    for (const [rows, columns] of SHAPES) {
      const x = engine.tensor(values(rows * columns, 6), [rows, columns]);
      const [weight, bias] = [7, 8].map((seed) => engine.tensor(values(columns, seed), [columns]));
      const single = await engine.read(layerNorm(engine, x, weight, bias));
      // f16 has 11 bits.
      await expectClose(engine, layerNorm(engine, x, weight, bias, { output: 'f16' }), single, 2 ** -11, `layerNorm [${rows}, ${columns}] in f16`);
    }
  }));

test('softmax and its gradient equal the float64 reference', () =>
  withBothGeometries(async (engine) => {
    for (const [rows, columns] of SHAPES) {
      await checkGradients({
        engine,
        name: `softmax [${rows}, ${columns}]`,
        inputs: [{ shape: [rows, columns], data: values(rows * columns, 4) }],
        forward: ([x]) => softmax(engine, x),
        reference: ([x]) => reference.softmax(x, columns),
      });
    }
    const large = await engine.read(softmax(engine, engine.tensor([1e4, 1e4 - 1, -1e4], [1, 3])));
    assert.ok(Math.abs(large[0] - 1 / (1 + Math.exp(-1))) < 1e-6 && large[2] === 0);
  }));

test('L2 normalisation and its gradient equal the float64 reference, and zeros stay zero', () =>
  withBothGeometries(async (engine) => {
    for (const [rows, columns] of SHAPES) {
      await checkGradients({
        engine,
        name: `l2Normalize [${rows}, ${columns}]`,
        inputs: [{ shape: [rows, columns], data: values(rows * columns, 6) }],
        forward: ([x]) => l2Normalize(engine, x),
        reference: ([x]) => reference.l2Normalize(x, columns),
      });
    }
    assert.deepEqual([...(await engine.read(l2Normalize(engine, engine.zeros([2, 5]))))], new Array(10).fill(0));
  }));

test('batch norm in training and its gradients equal the float64 reference', () =>
  withBothGeometries(async (engine) => {
    for (const [rows, columns] of [[5, 1], [7, 3], [129, 40], [64, 200]] as const) {
      await checkGradients({
        engine,
        name: `batchNorm [${rows}, ${columns}]`,
        inputs: [
          { shape: [rows, columns], data: values(rows * columns, 7, 3) },
          { shape: [columns], data: values(columns, 8, 1) },
          { shape: [columns], data: values(columns, 9) },
        ],
        forward: ([x, weight, bias]) => batchNorm(engine, x, weight, bias),
        reference: ([x, weight, bias]) => reference.batchNorm(x, weight, bias),
        forwardTolerance: 5e-5,
        backwardTolerance: 5e-4,
      });
    }
  }));

test('batch norm moves its running statistics and evaluates with them', () =>
  withBothGeometries(async (engine) => {
    const rows = 50;
    const columns = 6;
    const data = values(rows * columns, 10, 2);
    const x = engine.tensor(data, [rows, columns]);
    const weight = engine.tensor(values(columns, 11, 1), [columns]);
    const bias = engine.tensor(values(columns, 12), [columns]);
    const running = engine.tensor([...new Array(columns).fill(0), ...new Array(columns).fill(1)], [2, columns]);
    batchNorm(engine, x, weight, bias, { running, momentum: 0.25 });
    const { mean, variance } = reference.columnMoments(data, columns);
    const expected = [...mean.map((value) => 0.25 * value), ...variance.map((value) => 0.75 + (0.25 * value * rows) / (rows - 1))];
    await expectClose(engine, running, expected, 1e-5, 'running statistics');
    await checkGradients({
      engine,
      name: 'batchNorm in evaluation',
      inputs: [
        { shape: [rows, columns], data },
        { shape: [columns], data: values(columns, 11, 1) },
        { shape: [columns], data: values(columns, 12) },
      ],
      forward: ([x2, weight2, bias2]) => batchNorm(engine, x2, weight2, bias2, { running, training: false }),
      reference: ([x2, weight2, bias2]) =>
        reference.batchNorm(x2, weight2, bias2, { mean: expected.slice(0, columns), variance: expected.slice(columns) }),
    });
    await expectClose(engine, running, expected, 1e-5, 'running statistics after evaluation');
    assert.throws(() => batchNorm(engine, x, weight, bias, { training: false }), ShapeError);
  }));

test('groups keep statistics of their own when they lie along the columns', () =>
  withBothGeometries(async (engine) => {
    const [rows, groups, columns] = [20, 3, 4];
    const data = Float32Array.from(values(rows * groups * columns, 13), (value, index) => value + 10 * (Math.floor(index / columns) % groups));
    const moments = columnMoments(engine, engine.reshape(engine.tensor(data, [rows, groups, columns]), [rows, groups * columns]));
    const { mean, variance } = reference.columnMoments(data, groups * columns);
    await expectClose(engine, moments, mean.flatMap((value, index) => [value, variance[index]]), 1e-5, 'moments');
  }));

test('parameter gradients are the same bits every time', () =>
  withBothGeometries(async (engine) => {
    const [rows, columns] = [3000, 24];
    const x = engine.tensor(values(rows * columns, 14), [rows, columns]);
    const weight = engine.tensor(values(columns, 15), [columns]);
    const bias = engine.tensor(values(columns, 16), [columns]);
    const seed = engine.tensor(values(rows * columns, 17), [rows, columns]);
    const run = () =>
      engine.withTape((tape) => {
        tape.watch(weight);
        tape.watch(bias);
        tape.backward([[layerNorm(engine, x, weight, bias), seed]]);
        return [tape.gradientOf(weight), tape.gradientOf(bias)];
      });
    const [first, second] = [run(), run()];
    for (const index of [0, 1]) {
      const [a, b] = [first[index], second[index]];
      assert.ok(a && b);
      assert.deepEqual(await engine.read(a), await engine.read(b));
    }
  }));
