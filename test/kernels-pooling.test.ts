import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError, type Engine, type Tensor } from '../src/engine/index.js';
import { regionPool } from '../src/kernels/pooling/index.js';
import { checkGradients } from './gradient-check.js';
import { expectClose, randomValues, withEngine } from './helpers.js';
import { regionPoolReference, type PoolingCase } from './reference/pooling.js';

function inputsOf({ batch, height, width, channels, regions }: PoolingCase): { shape: number[]; data: Float32Array<ArrayBuffer> }[] {
  return [
    { shape: [batch, height, width, channels], data: randomValues(batch * height * width * channels, 31) },
    { shape: [batch, regions, height, width], data: randomValues(batch * regions * height * width, 32).map((value) => Math.max(value, 0)) },
  ];
}

const CASES: Record<string, PoolingCase & { epsilon?: number }> = {
  'the model’s size': { batch: 3, height: 8, width: 8, channels: 64, regions: 12 },
  'a map that is not square': { batch: 2, height: 5, width: 9, channels: 40, regions: 3 },
  'few channels': { batch: 2, height: 7, width: 7, channels: 3, regions: 5 },
  'one region': { batch: 1, height: 6, width: 4, channels: 33, regions: 1 },
  'one position': { batch: 4, height: 1, width: 1, channels: 5, regions: 2 },
  'many positions': { batch: 1, height: 14, width: 14, channels: 24, regions: 9 },
  'more regions than a tile holds, sums on both sides of epsilon': { batch: 2, height: 4, width: 6, channels: 12, regions: 17, epsilon: 6 },
};

/** The same engine, taken for one on a GPU (or not), so that the kernels for both are tested on any machine. */
function pretend(engine: Engine, software: boolean): Engine {
  return Object.create(engine, { info: { value: { ...engine.info, software } } }) as Engine;
}

for (const [name, options] of Object.entries(CASES)) {
  test(`region pooling: ${name}`, () =>
    withEngine(async (engine) => {
      const inputs = inputsOf(options);
      // A single position's mean does not depend on its weight, but the weight must not be 0.
      if (name === 'one position') inputs[1].data.fill(0.5, 0, 7);
      for (const software of [false, true]) {
        await checkGradients({
          engine,
          name: `${name} (kernel for ${software ? 'software' : 'GPUs'})`,
          inputs: name === 'one position' ? inputs.slice(0, 1) : inputs,
          forward: ([x, masks]) => regionPool(pretend(engine, software), x, masks ?? engine.tensor(inputs[1].data, inputs[1].shape), options.epsilon).pooled,
          reference: ([x, masks]) => regionPoolReference(options, x, masks ?? Float64Array.from(inputs[1].data), options.epsilon),
        });
      }
    }));
}

test('region pooling: the masses are the sums of the maps', () =>
  withEngine(async (engine) => {
    const [x, masks] = inputsOf(CASES['few channels']);
    const { mass } = regionPool(engine, engine.tensor(x.data, x.shape), engine.tensor(masks.data, masks.shape));
    const expected = Array.from({ length: 10 }, (_, region) => masks.data.subarray(region * 49, region * 49 + 49).reduce((sum, value) => sum + value, 0));
    await expectClose(engine, mass, expected, 1e-6, 'masses');
  }));

test('region pooling: constant features come out unchanged, and their maps get no gradient', () =>
  withEngine(async (engine) => {
    const [, masks] = inputsOf(CASES['the model’s size']);
    const x = engine.tensor(new Float32Array(3 * 64 * 64).fill(0.75), [3, 8, 8, 64]);
    const m = engine.tensor(masks.data, masks.shape);
    const [pooled, gradient] = engine.withTape((tape) => {
      tape.watch(m);
      const y = regionPool(engine, x, m).pooled;
      tape.backward([[y, engine.tensor(randomValues(y.size, 3), y.shape)]]);
      return [y, tape.gradientOf(m) as Tensor];
    });
    (await engine.read(pooled)).forEach((value) => assert.ok(Math.abs(value - 0.75) < 1e-6));
    (await engine.read(gradient)).forEach((value) => assert.ok(Math.abs(value) < 1e-5));
  }));

test('region pooling: an empty region gives 0 and no gradient, and leaves its neighbours alone', () =>
  withEngine(async (engine) => {
    const options = CASES['a map that is not square'];
    const [features, maps] = inputsOf(options);
    maps.data.fill(0, 45, 90); // image 0, region 1
    const x = engine.tensor(features.data, features.shape);
    const m = engine.tensor(maps.data, maps.shape);
    const [pooled, dx, dm] = engine.withTape((tape) => {
      tape.watch(x);
      tape.watch(m);
      const y = regionPool(engine, x, m).pooled;
      // The gradient reaches the empty region only.
      const dy = new Float32Array(y.size);
      dy.fill(1, 40, 80);
      tape.backward([[y, engine.tensor(dy, y.shape)]]);
      return [y, tape.gradientOf(x) as Tensor, tape.gradientOf(m) as Tensor];
    });
    const expected = regionPoolReference(options, Float64Array.from(features.data), Float64Array.from(maps.data));
    await expectClose(engine, pooled, expected, 2e-6, 'pooled features');
    assert.ok((await engine.read(pooled)).subarray(40, 80).every((value) => value === 0));
    assert.ok((await engine.read(dx)).every((value) => value === 0));
    assert.ok((await engine.read(dm)).every((value) => value === 0));
  }));

test('region pooling: two runs give the same bits', () =>
  withEngine(async (engine) => {
    const runs: Float32Array[][] = [];
    for (let attempt = 0; attempt < 2; attempt++) {
      const [x, m] = inputsOf(CASES['many positions']).map(({ data, shape }) => engine.tensor(data, shape));
      const results = engine.withTape((tape) => {
        tape.watch(x);
        tape.watch(m);
        const y = regionPool(engine, x, m).pooled;
        tape.backward([[y, engine.tensor(randomValues(y.size, 3), y.shape)]]);
        return [y, tape.gradientOf(x) as Tensor, tape.gradientOf(m) as Tensor];
      });
      runs.push((await Promise.all(results.map((tensor) => engine.read(tensor)))) as Float32Array[]);
    }
    runs[0].forEach((values, index) => assert.deepEqual(Buffer.from(values.buffer), Buffer.from(runs[1][index].buffer)));
  }));

test('region pooling: shapes that do not fit are refused in words', () =>
  withEngine(async (engine) => {
    const x = engine.zeros([2, 4, 4, 8]);
    assert.throws(
      () => regionPool(engine, x, engine.zeros([2, 3, 4, 5])),
      (error: unknown) => error instanceof ShapeError && /masks have shape \[2, 3, 4, 5\], expected \[2, R, 4, 4\]/.test(error.message),
    );
    assert.throws(() => regionPool(engine, engine.zeros([2, 4, 8]), x), /expected \[B, H, W, C\]/);
  }));
