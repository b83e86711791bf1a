import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BP4D_AUS } from '../src/data/action-units.js';
import { LANDMARK_COUNT, type FaceDataset } from '../src/data/dataset.js';
import type { Engine } from '../src/engine/index.js';
import { decodeSnapshot, encodeSnapshot } from '../src/model/checkpoint/training-state.js';
import { PRESETS, type ObjectiveConfig, type Preset } from '../src/model/presets.js';
import { SelfSupervisedTrainer, type StepMetrics } from '../src/model/trainer.js';
import { randomValues, withEngine } from './helpers.js';

/** Random pictures with landmarks strewn over them: enough for what these tests ask, which is not learning about faces. */
function noiseFaces(count: number, imageSize: number): FaceDataset {
  const images = Uint8Array.from(randomValues(count * imageSize * imageSize * 4, 11), (value) => 128 + 100 * value);
  return {
    source: 'noise',
    count,
    imageSize,
    images,
    landmarks: randomValues(count * LANDMARK_COUNT * 2, 12).map((value) => (0.5 + 0.4 * value) * imageSize),
    actionUnits: BP4D_AUS,
    labels: Uint8Array.from(randomValues(count * BP4D_AUS.length, 13), (value) => (value > 0 ? 1 : 0)),
    identities: Int32Array.from({ length: count }, (_, face) => face % 4),
    identityNames: ['a', 'b', 'c', 'd'],
  };
}

/** Numbers of its own where tuning moves the preset's: what these tests ask must not hang on them. */
const SMALLEST: Preset = {
  ...PRESETS.tiny,
  objective: { ...PRESETS.tiny.objective, contrastTemperature: 0.1 },
  augmentation: { ...PRESETS.tiny.augmentation, cropArea: [0.75, 1], rotation: 10 },
  backbone: { ...PRESETS.tiny.backbone, imageSize: 32, embedDim: 16, heads: [1, 2] },
  heads: { hiddenDim: 32, projectionDim: 16 },
  // A loss against a target that moves fast need not fall within a few steps.
  optimizer: { ...PRESETS.tiny.optimizer, targetDecay: 0.99 },
};
const DATA = noiseFaces(16, 40);

async function makeTrainer(engine: Engine, objective: ObjectiveConfig = SMALLEST.objective, steps = 8): Promise<SelfSupervisedTrainer> {
  return SelfSupervisedTrainer.create(engine, { preset: SMALLEST, objective, data: DATA, batch: 8, steps, seed: 3 });
}

async function train(trainer: SelfSupervisedTrainer, until: number): Promise<StepMetrics[]> {
  const metrics: StepMetrics[] = [];
  await trainer.train((step) => void metrics.push(step), until);
  return metrics;
}

test('a step reports every loss term and every collapse measure, all finite', () =>
  withEngine(async (engine) => {
    const trainer = await makeTrainer(engine);
    const [first] = await train(trainer, 1);
    assert.deepEqual(Object.keys(first.terms), ['global', 'region', 'contrast', 'relation']);
    assert.deepEqual(Object.keys(first.collapse).sort(), ['effectiveRank', 'featureStd', 'gradientNorm', 'marginalResidual', 'planEntropy']);
    for (const value of [...Object.values(first.terms), ...Object.values(first.collapse)]) assert.ok(Number.isFinite(value) && value >= 0);
    assert.ok(first.collapse.marginalResidual < 1e-2, `plans keep their marginals (residual ${first.collapse.marginalResidual})`);
    trainer.destroy();
  }));

for (const name of ['global', 'region', 'contrast', 'relation'] as const) {
  test(`the ${name} loss alone can be trained and falls`, () =>
    withEngine(async (engine) => {
      const off = { ...SMALLEST.objective, global: 0, region: 0, contrast: 0, relation: 0 };
      const trainer = await makeTrainer(engine, { ...off, [name]: 1 }, 80);
      const metrics = await train(trainer, 80);
      assert.deepEqual(Object.keys(metrics[0].terms), [name]);
      const mean = (from: number, to: number) => metrics.slice(from, to).reduce((sum, { loss }) => sum + loss, 0) / (to - from);
      assert.ok(mean(70, 80) < mean(0, 10), `${name}: ${mean(0, 10)} at first, ${mean(70, 80)} at last`);
      trainer.destroy();
    }));
}

test('the same seed gives the same bits', () =>
  withEngine(async (engine) => {
    const runs: StepMetrics[][] = [];
    for (let run = 0; run < 2; run++) {
      runs.push(
        await engine.scope(async () => {
          const trainer = await makeTrainer(engine);
          const metrics = await train(trainer, 4);
          trainer.destroy();
          return metrics;
        }),
      );
    }
    assert.deepEqual(runs[0], runs[1]);
  }));

test('a run resumed from a checkpoint equals one that never stopped', () =>
  withEngine(async (engine) => {
    const straight = await makeTrainer(engine);
    const expected = await train(straight, 6);
    const first = await makeTrainer(engine);
    await train(first, 3);
    const bytes = encodeSnapshot(await first.snapshot());
    const second = await makeTrainer(engine);
    second.restore(decodeSnapshot(bytes, 'checkpoint.safetensors'));
    assert.deepEqual(await train(second, 6), expected.slice(3));
    for (const trainer of [straight, first, second]) trainer.destroy();
  }));

test('a checkpoint of another architecture is refused, and nothing changes', () =>
  withEngine(async (engine) => {
    const trainer = await makeTrainer(engine);
    const before = await engine.read(trainer.model.online.values);
    const snapshot = await trainer.snapshot();
    const other = { ...snapshot, architecture: snapshot.architecture.replace('"embedDim":16', '"embedDim":24') };
    assert.throws(() => trainer.restore(other), /checkpoint is of another architecture/);
    assert.deepEqual(await engine.read(trainer.model.online.values), before);
    trainer.destroy();
  }));

test('training replays without creating buffers for compute or bind groups', () =>
  withEngine(async (engine) => {
    const trainer = await makeTrainer(engine);
    await train(trainer, 3); // the staging buffers of the metrics exist now
    const created: string[] = [];
    for (const call of ['createBuffer', 'createBindGroup', 'createComputePipeline'] as const) {
      const original = (engine.device[call] as (descriptor: object) => object).bind(engine.device);
      Object.defineProperty(engine.device, call, {
        configurable: true,
        value: (descriptor: object) => {
          created.push(call);
          return original(descriptor);
        },
      });
    }
    await train(trainer, 6);
    assert.deepEqual(created, []);
    trainer.destroy();
  }));

test('the target network follows the online network slowly, and the prior stays a distribution', () =>
  withEngine(async (engine) => {
    const trainer = await makeTrainer(engine);
    const start = await engine.read(trainer.model.target.values);
    await train(trainer, 4);
    const [online, target, prior] = await Promise.all([
      engine.read(trainer.model.online.values),
      engine.read(trainer.model.target.values),
      engine.read(trainer.model.prior),
    ]);
    const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => Math.sqrt(Array.from(a, (value, index) => (value - b[index]) ** 2).reduce((x, y) => x + y));
    assert.ok(distance(target, start) > 0);
    assert.ok(distance(target, start) < 0.1 * distance(online, start));
    assert.ok(Math.abs(Array.from(prior).reduce((x, y) => x + y) - 1) < 1e-5);
    assert.ok(prior.every((value) => value > 0));
    trainer.destroy();
  }));
