/** Dynamic loss scaling: the state on the device, the steps that it skips, and that scaling changes no digit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, type Engine, type Tensor } from '../src/engine/index.js';
import { priorUpdate } from '../src/kernels/loss/index.js';
import { adamw, adamwHyper, checkLossScale, clipScaledGradients, ema, initialLossScale, LOSS_SCALE, scaledSeeds, STEP_OUTCOME, type LossScaleOptions } from '../src/kernels/optimizer/index.js';
import { scaleByScalar } from '../src/kernels/reduction/index.js';
import { randomValues, withEngine } from './helpers.js';

const SIZE = 1088;
const RATES = { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
const OPTIONS: LossScaleOptions = { initial: 1024, growthInterval: 3, least: 256, most: 4096 };
const good = randomValues(SIZE, 5);
const bad = good.map((value, index) => (index === 700 ? Infinity : value));

/** Steps of the scale alone; returns the state after each. */
async function statesAfter(engine: Engine, gradients: readonly Float32Array<ArrayBuffer>[]): Promise<number[][]> {
  const state = initialLossScale(engine, OPTIONS);
  const hyper = engine.tensor(adamwHyper(1, RATES), [8]);
  const states: number[][] = [];
  for (const values of gradients) {
    clipScaledGradients(engine, engine.tensor(values, [SIZE]), 1, { state, hyper, options: OPTIONS });
    states.push([...(await engine.read(state))]);
  }
  return states;
}

test('the scale doubles after so many good steps in a row, up to the most', () =>
  withEngine(async (engine) => {
    const states = await statesAfter(engine, new Array<typeof good>(10).fill(good));
    assert.deepEqual(states.map(([scale]) => scale), [1024, 1024, 2048, 2048, 2048, 4096, 4096, 4096, 4096, 4096]);
    assert.deepEqual(states.map(([, steps]) => steps), [1, 2, 0, 1, 2, 0, 1, 2, 0, 1]);
  }));

test('an overflow halves the scale, begins the count of good steps again and is counted', () =>
  withEngine(async (engine) => {
    const states = await statesAfter(engine, [good, good, bad, good, good, good]);
    assert.deepEqual(states.map(([scale]) => scale), [1024, 1024, 512, 512, 512, 1024]);
    assert.deepEqual(states.map(([, , overflows]) => overflows), [0, 0, 1, 1, 1, 1]);
  }));

test('the scale stops at the least, and an overflow there is told from others', () =>
  withEngine(async (engine) => {
    const states = await statesAfter(engine, [bad, bad, bad, good]);
    assert.deepEqual(states.map(([scale]) => scale), [512, 256, 256, 256]);
    const { taken, skipped, hopeless } = STEP_OUTCOME;
    assert.deepEqual(states.map(([, , , outcome]) => outcome), [skipped, skipped, hopeless, taken]);
  }));

test('NaN counts as overflow, and so does a sum of squares beyond f32', () =>
  withEngine(async (engine) => {
    const withNaN = good.map((value, index) => (index === 3 ? NaN : value));
    const states = await statesAfter(engine, [withNaN, good.map((value) => value * 1e25)]);
    assert.deepEqual(states.map(([, , overflows]) => overflows), [1, 2]);
  }));

test('bias corrections are those of the steps that were taken', () =>
  withEngine(async (engine) => {
    for (const beta2 of [0.95, 0.999, 0.9999]) {
      const state = initialLossScale(engine, OPTIONS);
      for (const [step, overflows] of [[1, 0], [2, 1], [37, 3], [100_000, 5]]) {
        engine.write(state, [1024, 0, overflows, 0]);
        const hyper = engine.tensor(adamwHyper(step, { ...RATES, beta2 }), [8]);
        clipScaledGradients(engine, engine.tensor(good, [SIZE]), 1, { state, hyper, options: OPTIONS });
        const values = await engine.read(hyper);
        for (const [at, beta] of [[5, RATES.beta1], [6, beta2]]) {
          const expected = 1 - Math.fround(beta) ** (step - overflows);
          assert.ok(Math.abs(values[at] - expected) <= 1e-6 * expected, `1 - ${beta}^${step - overflows}: ${values[at]}, expected ${expected}`);
        }
      }
    }
  }));

interface Trained {
  readonly params: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
  readonly target: Tensor;
  readonly prior: Tensor;
}

/** Optimiser, running average and prior over some steps; the gradients are given without the scale. */
function trainSome(engine: Engine, initial: number, gradients: readonly Float32Array<ArrayBuffer>[]): Trained {
  const options = { ...LOSS_SCALE, initial };
  const state = initialLossScale(engine, options);
  const hyper = engine.zeros([8]);
  const params = engine.tensor(randomValues(SIZE, 1), [SIZE]);
  const [m, v] = [engine.tensor(randomValues(SIZE, 2), [SIZE]), engine.tensor(randomValues(SIZE, 3).map(Math.abs), [SIZE])];
  const target = engine.tensor(randomValues(SIZE, 4), [SIZE]);
  const prior = engine.tensor([0.1, 0.2, 0.3, 0.4], [2, 2]);
  gradients.forEach((values, index) => {
    engine.write(hyper, adamwHyper(index + 1, RATES));
    // As the backward pass would: times the scale of the moment.
    const scaled = engine.empty([SIZE]);
    scaleByScalar(engine, state, 1, scaled, engine.tensor(values, [SIZE]));
    const scale = clipScaledGradients(engine, scaled, 1, { state, hyper, options });
    adamw(engine, { params, gradients: scaled, m, v, hyper, decayEnd: 512, scale });
    ema(engine, { target, online: params, hyper: engine.tensor([0.9], [1]), scale });
    priorUpdate(engine, prior, engine.tensor([0.5, 0, 0, 0.5], [1, 2, 2]), 0.9, { scale });
  });
  return { params, m, v, target, prior };
}

/** The contents of all, as bytes. */
async function bytesOf(engine: Engine, tensors: Trained): Promise<Buffer[]> {
  return Promise.all(Object.values(tensors).map(async (tensor: Tensor) => Buffer.from((await engine.read(tensor)).buffer)));
}

test('a skipped step leaves parameters, moments, running average and prior as they are, bit for bit', () =>
  withEngine(async (engine) => {
    assert.deepEqual(await bytesOf(engine, trainSome(engine, 1024, [bad])), await bytesOf(engine, trainSome(engine, 1024, [])));
  }));

test('a step that is not skipped changes every one of them', () =>
  withEngine(async (engine) => {
    const before = await bytesOf(engine, trainSome(engine, 1024, []));
    (await bytesOf(engine, trainSome(engine, 1024, [good]))).forEach((after, index) => assert.notDeepEqual(after, before[index]));
  }));

test('the scale changes no bit of the result', () =>
  withEngine(async (engine) => {
    const gradients = [7, 8, 9].map((seed) => randomValues(SIZE, seed));
    assert.deepEqual(await bytesOf(engine, trainSome(engine, 65536, gradients)), await bytesOf(engine, trainSome(engine, 1, gradients)));
  }));

test('training with a skipped step equals training without that step, bit for bit', () =>
  withEngine(async (engine) => {
    assert.deepEqual(await bytesOf(engine, trainSome(engine, 1024, [good, bad, good])), await bytesOf(engine, trainSome(engine, 1024, [good, good])));
  }));

test('the norm and the clipping are those of the gradients without the scale', () =>
  withEngine(async (engine) => {
    const norm = Math.sqrt(good.reduce((sum, value) => sum + value * value, 0));
    for (const limit of [1, 1e6]) {
      const state = initialLossScale(engine, OPTIONS);
      const hyper = engine.tensor(adamwHyper(1, RATES), [8]);
      const result = clipScaledGradients(engine, engine.tensor(good.map((value) => value * 1024), [SIZE]), limit, { state, hyper, options: OPTIONS });
      const [factor, unscaled] = await engine.read(result);
      assert.ok(Math.abs(unscaled - norm) <= 1e-5 * norm);
      assert.ok(Math.abs(factor * 1024 - Math.min(1, limit / norm)) <= 1e-5);
    }
  }));

test('seeds are the weights times the scale', () =>
  withEngine(async (engine) => {
    const seeds = scaledSeeds(engine, initialLossScale(engine, OPTIONS), [0.25, 1, 3]);
    assert.deepEqual(await Promise.all(seeds.map(async (seed) => [...(await engine.read(seed))])), [[256], [1024], [3072]]);
  }));

test('a scale that is no power of two, or outside its bounds, is refused by name', () => {
  assert.throws(() => checkLossScale({ ...OPTIONS, initial: 1000 }), (error) => error instanceof InputError && /initial is 1000: expected a power of two/.test(error.message));
  assert.throws(() => checkLossScale({ ...OPTIONS, initial: 128 }), /begins at 128: expected at least 256/);
  assert.throws(() => checkLossScale({ ...OPTIONS, growthInterval: 0 }), /growth interval is 0/);
});
