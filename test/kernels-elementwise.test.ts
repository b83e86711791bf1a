import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError, type Engine, type Tensor } from '../src/engine/index.js';
import { accumulate, add, affine, filled, gelu, relu, scale } from '../src/kernels/elementwise/index.js';
import { columnSum, mean, sum } from '../src/kernels/reduction/index.js';
import { checkGradients } from './gradient-check.js';
import { withBothGeometries } from './geometries.js';
import { expectClose, randomValues, withEngine } from './helpers.js';
import * as reference from './reference/elementwise.js';

/** One element, a ragged workgroup, a whole number of them, several dimensions, and enough for the long launch of software adapters. */
const SHAPES: readonly (readonly number[])[] = [[1], [67], [256], [3, 5, 7, 11], [32771]];

const spread = (count: number, seed: number) => randomValues(count, seed).map((value) => 4 * value);
const sizeOf = (shape: readonly number[]) => shape.reduce((product, dimension) => product * dimension, 1);

const unary: readonly [string, (engine: Engine, x: Tensor) => Tensor, (x: Float64Array) => Float64Array][] = [
  ['gelu', gelu, reference.gelu],
  ['relu', relu, reference.relu],
  ['scale', (engine, x) => scale(engine, x, -2.5), (x) => x.map((value) => -2.5 * value)],
  ['affine', (engine, x) => affine(engine, x, -1, 1), (x) => x.map((value) => 1 - value)],
  ['sum', sum, (x) => Float64Array.of(x.reduce((total, value) => total + value, 0))],
  ['mean', mean, (x) => Float64Array.of(x.reduce((total, value) => total + value, 0) / x.length)],
];

for (const [name, op, expected] of unary) {
  test(`${name} and its gradient equal the float64 reference`, () =>
    withEngine(async (engine) => {
      for (const shape of SHAPES) {
        await checkGradients({
          engine,
          name: `${name} [${shape}]`,
          inputs: [{ shape, data: spread(sizeOf(shape), 3) }],
          forward: ([x]) => op(engine, x),
          reference: ([x]) => expected(x),
        });
      }
    }));
}

test('add passes its gradient to both inputs', () =>
  withEngine(async (engine) => {
    for (const shape of SHAPES) {
      const inputs = [1, 2].map((seed) => ({ shape, data: spread(sizeOf(shape), seed) }));
      await checkGradients({
        engine,
        name: `add [${shape}]`,
        inputs,
        forward: ([a, b]) => add(engine, a, b),
        reference: ([a, b]) => a.map((value, index) => value + b[index]),
      });
    }
  }));

test('GELU keeps its digits in both tails', () =>
  withEngine(async (engine) => {
    const x = Float32Array.of(-30, -8, -5, -3, -1e-3, 0, 1e-3, 3, 5, 8, 30);
    const y = await engine.read(gelu(engine, engine.tensor(x, [x.length])));
    reference.gelu(x).forEach((expected, index) => {
      assert.ok(Math.abs(y[index] - expected) <= 1.5e-7 * Math.max(1, Math.abs(x[index])), `gelu(${x[index]}) = ${y[index]}, expected ${expected}`);
    });
  }));

test('accumulate adds in place, filled writes every element', () =>
  withEngine(async (engine) => {
    const destination = filled(engine, [301], 1.5);
    const source = randomValues(301, 9);
    accumulate(engine, destination, engine.tensor(source, [301]));
    await expectClose(engine, destination, source.map((value) => value + 1.5), 1e-6, 'accumulate');
  }));

test('what lies behind a view in its arena is not touched', () =>
  withEngine(async (engine) => {
    const arena = engine.tensor(new Float32Array(128).fill(7), [128]);
    const view = engine.view(arena, 64, [3]);
    accumulate(engine, view, engine.tensor([1, 2, 3], [3]));
    assert.deepEqual([...(await engine.read(arena))].slice(64, 69), [8, 9, 10, 7, 7]);
  }));

test('sums over long arrays and over rows are exact to rounding and the same every time', () =>
  withBothGeometries(async (engine) => {
    const rows = 1037;
    const columns = 33;
    const x = randomValues(rows * columns, 4);
    const tensor = engine.tensor(x, [rows, columns]);
    const expected = new Float64Array(columns);
    x.forEach((value, index) => (expected[index % columns] += value));
    const first = columnSum(engine, tensor);
    await expectClose(engine, first, expected, 1e-5, 'columnSum');
    assert.deepEqual(await engine.read(columnSum(engine, tensor)), await engine.read(first));
    const total = sum(engine, tensor);
    await expectClose(engine, total, [x.reduce((all, value) => all + value, 0)], 1e-4, 'sum');
    assert.deepEqual(await engine.read(sum(engine, tensor)), await engine.read(total));
  }));

test('shapes that differ are refused', () =>
  withEngine(async (engine) => {
    assert.throws(() => add(engine, engine.zeros([2, 3]), engine.zeros([3, 2])), ShapeError);
  }));
