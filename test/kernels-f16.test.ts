/** f16 storage: conversions bit by bit, products of f16 operands and linear layers against float64. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { halfBits, halfValues, roundToHalf, ShapeError, SUBGROUP_MATRIX, type Engine, type Tensor } from '../src/engine/index.js';
import { cast, castInto } from '../src/kernels/elementwise/index.js';
import { halfMatmulCandidates, launchProduct, linear, matmul, matmulDevice, type HalfMatmulVariant } from '../src/kernels/matmul/index.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { expectClose, randomValues, relativeError, withEngine } from './helpers.js';
import { erf, geluReference, linearReference, matmulReference } from './reference/matmul.js';

/** Rounding to f16 is off by half a place of 11 binary digits at most. */
const HALF_ROUNDING = 2 ** -11;
const OUTPUTS = [['f32', 2e-6], ['f16', HALF_ROUNDING + 2e-6]] as const;
const TRANSPOSES = [[false, false], [false, true], [true, false], [true, true]] as const;

/** Numbers where rounding decides: ties to both sides, small and subnormal ones, the edge of overflow, specials. */
const EDGES = [0, -0, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -23, -(1 + 2 ** -11), 65504, 65519.996, 65520, -65520, 1e30, Infinity, -Infinity, NaN]
  .concat([2 ** -14, 2 ** -14 - 2 ** -25, 2 ** -15 + 2 ** -26, 2 ** -24, 2 ** -25, 2 ** -25 + 2 ** -40, 3 * 2 ** -25, -(2 ** -26), 1e-30, 2 ** -140]);

/** Random numbers that are f16 already, and their shape's tensor in f16. */
function halves(engine: Engine, shape: readonly number[], seed: number): { data: Float32Array; tensor: Tensor } {
  const data = roundToHalf(randomValues(shape.reduce((product, size) => product * size, 1), seed));
  return { data, tensor: engine.tensor(data, shape, 'f16') };
}

test('the CPU rounds to the nearest f16, ties to even', () => {
  const bits = [...halfBits(EDGES)];
  const expected = [0, 0x8000, 0x3c00, 0x3c02, 0x3c01, 0xbc00, 0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x7c00, 0xfc00, 0x7e00, 0x400, 0x400, 0x200, 1, 0, 1, 2, 0x8000, 0, 0];
  assert.deepEqual(bits, expected);
  const all = Uint16Array.from({ length: 65536 }, (_, half) => half);
  const back = halfBits(halfValues(all));
  for (let half = 0; half < 65536; half++) if ((half & 0x7fff) <= 0x7c00) assert.equal(back[half], half);
});

test('every f16 survives the way to f32 and back on the device', () =>
  withEngine(async (engine) => {
    const finite = Float32Array.from(halfValues(Uint16Array.from({ length: 65536 }, (_, half) => half))).filter((value) => !Number.isNaN(value));
    const packed = engine.tensor(finite, [finite.length], 'f16');
    assert.deepEqual(await engine.read(packed), finite);
    const wide = cast(engine, packed, 'f32');
    assert.deepEqual(await engine.read(wide), finite);
    assert.deepEqual(await engine.read(cast(engine, wide, 'f16')), finite);
  }));

test('the device rounds as the CPU does, also in the last, broken group of four', () =>
  withEngine(async (engine) => {
    const random = randomValues(1001, 3).map((value, index) => value * 2 ** ((index % 44) - 26));
    for (const values of [Float32Array.from(EDGES), random, random.subarray(0, 1), random.subarray(0, 2), random.subarray(0, 7)]) {
      const y = cast(engine, engine.tensor(Float32Array.from(values), [values.length]), 'f16');
      assert.deepEqual(await engine.read(y), roundToHalf(values));
    }
    // What lies behind the last element of a view is someone else's.
    const arena = engine.tensor(Float32Array.from({ length: 6 }, () => 7), [6], 'f16');
    castInto(engine, engine.tensor([1, 2, 3], [3]), engine.view(arena, 0, [3]));
    assert.deepEqual([...(await engine.read(arena))], [1, 2, 3, 7, 7, 7]);
  }));

test('gradients pass through cast in f32 and in f16', () =>
  withEngine(async (engine) => {
    const x = engine.tensor([1, 2, 3, 4], [4]);
    for (const dtype of ['f16', 'f32'] as const) {
      const gradient = engine.withTape((tape) => {
        tape.watch(x);
        const y = cast(engine, x, 'f16');
        tape.backward([[y, engine.tensor([0.5, -1, 2, 0.1], [4], dtype)]]);
        return tape.gradientOf(x);
      });
      assert.ok(gradient && gradient.dtype === 'f32');
      assert.deepEqual(await engine.read(gradient), dtype === 'f16' ? roundToHalf([0.5, -1, 2, 0.1]) : Float32Array.of(0.5, -1, 2, 0.1));
    }
  }));

test('every variant multiplies f16 operands of all sizes and transposes', () =>
  withEngine(async (engine) => {
    for (const [m, n, k] of [[1, 2, 1], [3, 6, 5], [17, 66, 33], [64, 40, 36], [140, 132, 52]]) {
      for (const [transposeA, transposeB] of TRANSPOSES) {
        const a = halves(engine, transposeA ? [k, m] : [m, k], 5);
        const b = halves(engine, transposeB ? [n, k] : [k, n], 6);
        const expected = matmulReference(a.data, b.data, { m, n, k, transposeA, transposeB });
        const problem = { m, n, k, problems: 1, transposeA, transposeB, rowSums: false, half: true };
        for (const variant of halfMatmulCandidates(matmulDevice(engine), problem)) {
          for (const [output, tolerance] of OUTPUTS) {
            await engine.scope(async () => {
              const y = matmul(engine, a.tensor, b.tensor, { transposeA, transposeB, variant, output });
              assert.equal(y.dtype, output);
              await expectClose(engine, y, expected, tolerance, `${variant} ${m}x${n}x${k} ${transposeA} ${transposeB} ${output}`);
            });
          }
        }
      }
    }
  }));

test('subgroup matrices multiply where they were asked for and the adapter has them, and are no candidate elsewhere', async () => {
  const { adapter } = await findNodeGpu({ subgroupMatrix: true });
  const engine = await openEngine(adapter, {}, { subgroupMatrix: true });
  try {
    const offered = engine.device.features.has(SUBGROUP_MATRIX as GPUFeatureName);
    for (const [m, n, k] of [[64, 40, 36], [140, 132, 52]]) {
      for (const [transposeA, transposeB] of TRANSPOSES) {
        const problem = { m, n, k, problems: 1, transposeA, transposeB, rowSums: false, half: true };
        assert.equal(halfMatmulCandidates(matmulDevice(engine), problem).includes('matrix'), offered);
        if (!offered) continue;
        const a = halves(engine, transposeA ? [k, m] : [m, k], 5);
        const b = halves(engine, transposeB ? [n, k] : [k, n], 6);
        const expected = matmulReference(a.data, b.data, { m, n, k, transposeA, transposeB });
        for (const [output, tolerance] of OUTPUTS) {
          const y = matmul(engine, a.tensor, b.tensor, { transposeA, transposeB, variant: 'matrix', output });
          await expectClose(engine, y, expected, tolerance, `matrix ${m}x${n}x${k} ${transposeA} ${transposeB} ${output}`);
        }
        // GELU's gradient in the epilogue: y times Phi(z) + z phi(z), and GELU of z beside it.
        const z = randomValues(m * n, 7);
        const [y, hidden] = [engine.empty([m, n]), engine.empty([m, n])];
        launchProduct(engine, { a: a.tensor, b: b.tensor, y, m, n, k, transposeA, transposeB, geluGradient: engine.tensor(z, [m, n]), preactivation: hidden, variant: 'matrix' });
        const slope = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
        await expectClose(engine, y, expected.map((value, at) => value * slope(z[at])), 2e-6, `matrix ${m}x${n}x${k} with GELU's gradient`);
        await expectClose(engine, hidden, Float64Array.from(z, geluReference), 2e-6, 'GELU beside its gradient');
      }
    }
  } finally {
    engine.destroy();
  }
});

test('f32 results of f16 operands take odd sizes', () =>
  withEngine(async (engine) => {
    const a = halves(engine, [3, 5, 7], 1);
    const b = halves(engine, [3, 7, 3], 2);
    const y = matmul(engine, a.tensor, b.tensor, { output: 'f32' });
    await expectClose(engine, y, matmulReference(a.data, b.data, { m: 5, n: 3, k: 7, batch: 3 }), 2e-6, 'odd batch');
    assert.throws(() => matmul(engine, a.tensor, b.tensor), (error) => error instanceof ShapeError && /even number of columns/.test(error.message));
    assert.throws(() => matmul(engine, a.tensor, engine.zeros([3, 7, 4])), (error) => error instanceof ShapeError && /f16 and f32; cast one/.test(error.message));
  }));

test('a product that f16 cannot hold becomes infinite', () =>
  withEngine(async (engine) => {
    for (const variant of ['tile', 'register'] as const) {
      const a = engine.tensor(Float32Array.from({ length: 16 }, (_, index) => (index < 4 ? 256 : -1)), [4, 4], 'f16');
      const b = engine.tensor(new Float32Array(16).fill(128), [4, 4], 'f16');
      const y = await engine.read(matmul(engine, a, b, { variant }));
      assert.deepEqual([...y], Array.from({ length: 16 }, (_, index) => (index < 4 ? Infinity : -512)));
    }
  }));

test('matmul gradients of f16 operands, with own and shared b', () =>
  withEngine(async (engine) => {
    const sizes = { m: 12, n: 20, k: 8 };
    const { m, n, k } = sizes;
    for (const [transposeA, transposeB] of TRANSPOSES) {
      for (const sharedB of [false, true]) {
        const a = halves(engine, transposeA ? [3, k, m] : [3, m, k], 1);
        const b = halves(engine, [...(sharedB ? [] : [3]), ...(transposeB ? [n, k] : [k, n])], 2);
        const dy = halves(engine, [3, m, n], 3);
        const [da, db] = engine.withTape((tape) => {
          for (const { tensor } of [a, b]) tape.watch(tensor);
          tape.backward([[matmul(engine, a.tensor, b.tensor, { transposeA, transposeB }), dy.tensor]]);
          return [a, b].map(({ tensor }) => tape.gradientOf(tensor) as Tensor);
        });
        // y is linear in each operand: its inner product with dy, for every unit matrix, is the gradient.
        const gradient = (operand: Float32Array, product: () => Float64Array): Float64Array => {
          const kept = Float32Array.from(operand);
          const result = Float64Array.from(operand, (_, at) => {
            operand.fill(0)[at] = 1;
            return product().reduce((sum, value, place) => sum + value * dy.data[place], 0);
          });
          operand.set(kept);
          return result;
        };
        const product = (): Float64Array => matmulReference(a.data, b.data, { ...sizes, batch: 3, sharedB, transposeA, transposeB });
        const what = `${transposeA} ${transposeB} shared ${sharedB}`;
        assert.deepEqual([da.dtype, db.dtype], ['f16', 'f16']);
        await expectClose(engine, da, gradient(a.data, product), HALF_ROUNDING + 2e-6, `da ${what}`);
        await expectClose(engine, db, gradient(b.data, product), HALF_ROUNDING + 2e-6, `db ${what}`);
      }
    }
  }));

test('linear in f16: bias, GELU and residual in every variant, and its gradients', () =>
  withEngine(async (engine) => {
    for (const [tokens, outputs, inputs] of [[37, 20, 12], [5, 6, 10], [600, 16, 28]]) {
      const x = halves(engine, [tokens, inputs], 1);
      const weight = halves(engine, [outputs, inputs], 2);
      const residual = halves(engine, [tokens, outputs], 4);
      const biasData = randomValues(outputs, 3);
      const bias = engine.tensor(biasData, [outputs]);
      const problem = { m: tokens, n: outputs, k: inputs, problems: 1, transposeA: false, transposeB: true, rowSums: false, half: true };
      for (const activation of ['none', 'gelu'] as const) {
        const expected = linearReference(x.data, weight.data, biasData, residual.data, { tokens, inputs, outputs, gelu: activation === 'gelu' });
        const run = (variant: HalfMatmulVariant | undefined, output: 'f32' | 'f16'): Tensor => {
          const added = output === 'f16' ? residual.tensor : cast(engine, residual.tensor, 'f32');
          return linear(engine, x.tensor, weight.tensor, bias, { activation, residual: added, output, variant });
        };
        for (const variant of halfMatmulCandidates(matmulDevice(engine), problem)) {
          for (const [output, tolerance] of OUTPUTS) await expectClose(engine, run(variant, output), expected, tolerance, `${variant} ${activation} ${output}`);
        }
        // The same in f32 on the same numbers, whose gradients are checked elsewhere.
        const gradients = (operands: readonly Tensor[], dtype: 'f32' | 'f16'): (Tensor | null)[] =>
          engine.withTape((tape) => {
            for (const tensor of operands) tape.watch(tensor);
            const y = linear(engine, operands[0], operands[1], operands[2], { activation, residual: operands[3], output: dtype });
            tape.backward([[y, engine.tensor(roundToHalf(randomValues(y.size, 9)), y.shape, dtype)]]);
            return operands.map((tensor) => tape.gradientOf(tensor));
          });
        const wide = gradients([cast(engine, x.tensor, 'f32'), cast(engine, weight.tensor, 'f32'), bias, cast(engine, residual.tensor, 'f32')], 'f32');
        const narrow = gradients([x.tensor, weight.tensor, bias, residual.tensor], 'f16');
        const names = ['x', 'weight', 'bias', 'residual'];
        for (const [index, gradient] of narrow.entries()) {
          assert.ok(gradient && wide[index], names[index]);
          assert.equal(gradient.dtype, index === 0 || index === 3 ? 'f16' : 'f32');
          // With GELU the values before it and the gradient behind it are rounded to f16 as well.
          const error = relativeError(await engine.read(gradient), await engine.read(wide[index]));
          assert.ok(error < 4 * HALF_ROUNDING, `${names[index]} ${activation}: ${error}`);
        }
      }
    }
  }));

test('the gradient of an f16 copy is written into the f32 buffer that belongs to it', () =>
  withEngine(async (engine) => {
    const x = halves(engine, [8, 4], 1);
    const weight = halves(engine, [12, 4], 2);
    weight.tensor.requiresGradient = true;
    weight.tensor.gradient = engine.zeros([12, 4]);
    const dy = halves(engine, [8, 12], 3);
    engine.withTape((tape) => {
      tape.backward([[linear(engine, x.tensor, weight.tensor, null), dy.tensor]]);
      assert.equal(tape.gradientOf(weight.tensor), weight.tensor.gradient);
    });
    await expectClose(engine, weight.tensor.gradient, matmulReference(dy.data, x.data, { m: 12, n: 4, k: 8, transposeA: true }), 2e-6, 'dw');
  }));
