import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../src/engine/index.js';
import { decodeSnapshot, encodeSnapshot } from '../src/model/checkpoint/training-state.js';
import type { ObjectiveConfig } from '../src/model/presets.js';
import { SelfSupervisedTrainer, type StepMetrics } from '../src/model/trainer.js';
import { withEngine } from './helpers.js';
import { DATA, SMALLEST } from './small-training.js';

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
    const calls = ['createBuffer', 'createBindGroup', 'createComputePipeline'] as const;
    for (const call of calls) {
      const original = (engine.device[call] as (descriptor: object) => object).bind(engine.device);
      Object.defineProperty(engine.device, call, {
        configurable: true,
        value: (descriptor: object) => {
          created.push(call);
          return original(descriptor);
        },
      });
    }
    try {
      await train(trainer, 6);
    } finally {
      for (const call of calls) Reflect.deleteProperty(engine.device, call);
    }
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
