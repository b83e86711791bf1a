import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError } from '../src/engine/index.js';
import { adamw, adamwHyper, clipScale, ema } from '../src/kernels/optimizer/index.js';
import { expectClose, randomValues, withEngine } from './helpers.js';
import * as reference from './reference/optimizer.js';

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

test('AdamW follows the float64 reference over several steps, decaying only the first part', () =>
  withEngine(async (engine) => {
    for (const size of [64, 1088, 40000]) {
      const decayEnd = 4 * Math.floor(size / 10);
      const [start, gradient] = [randomValues(size, 1), randomValues(size, 2)];
      const options = { rate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
      const expected = { p: Float64Array.from(start), m: new Float64Array(size), v: new Float64Array(size) };
      const params = engine.tensor(start, [size]);
      const gradients = engine.tensor(gradient, [size]);
      const [m, v] = [engine.zeros([size]), engine.zeros([size])];
      const scale = engine.tensor([0.5, 0], [2]);
      const hyper = engine.zeros([8]);
      for (let step = 1; step <= 4; step++) {
        const current = gradient.map((value) => value * (step === 3 ? -1 : 1));
        engine.write(gradients, current);
        engine.write(hyper, adamwHyper(step, { learningRate: options.rate, ...options }));
        adamw(engine, { params, gradients, m, v, hyper, decayEnd, scale });
        reference.adamw(expected, current.map((value) => 0.5 * value), step, options, decayEnd);
      }
      await expectClose(engine, params, expected.p, 1e-5, `parameters of ${size}`);
      await expectClose(engine, m, expected.m, 1e-5, 'first moment');
      // 1 - 0.999 is exact to 1e-5 only, because 0.999 is rounded to f32 first.
      await expectClose(engine, v, expected.v, 3e-5, 'second moment');
    }
  }));

test('the global norm is that of the whole arena, and clips only what exceeds the limit', () =>
  withEngine(async (engine) => {
    for (const size of [64, 5000, 400000]) {
      const values = randomValues(size, 3);
      const expected = norm(values);
      const gradients = engine.tensor(values, [size]);
      await expectClose(engine, clipScale(engine, gradients, 1), [1 / (expected + 1e-6), expected], 1e-5, `norm of ${size}`);
      const [scale] = await engine.read(clipScale(engine, gradients, 1e6));
      assert.equal(scale, 1);
    }
  }));

test('a gradient that is not finite leaves parameters and moments as they were', () =>
  withEngine(async (engine) => {
    for (const bad of [NaN, Infinity]) {
      const values = randomValues(256, 4);
      const params = engine.tensor(values, [256]);
      const gradient = randomValues(256, 5);
      gradient[100] = bad;
      const gradients = engine.tensor(gradient, [256]);
      const [m, v] = [engine.zeros([256]), engine.zeros([256])];
      const hyper = engine.tensor(adamwHyper(1, { learningRate: 1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 }), [8]);
      const scale = clipScale(engine, gradients, 1);
      assert.equal((await engine.read(scale))[0], 0);
      adamw(engine, { params, gradients, m, v, hyper, decayEnd: 256, scale });
      assert.deepEqual(await engine.read(params), values);
      assert.deepEqual(await engine.read(m), new Float32Array(256));
    }
  }));

test('the running average moves by 1 - tau', () =>
  withEngine(async (engine) => {
    const size = 1300;
    const [target, online] = [randomValues(size, 6), randomValues(size, 7)];
    const average = engine.tensor(target, [size]);
    ema(engine, { target: average, online: engine.tensor(online, [size]), hyper: engine.tensor([0.9], [1]) });
    await expectClose(engine, average, target.map((value, index) => 0.9 * value + 0.1 * online[index]), 1e-6, 'ema');
  }));

test('arenas that do not fit are refused', () =>
  withEngine(async (engine) => {
    assert.throws(() => clipScale(engine, engine.zeros([6]), 1), ShapeError);
    assert.throws(() => ema(engine, { target: engine.zeros([8]), online: engine.zeros([12]), hyper: engine.zeros([1]) }), ShapeError);
  }));
