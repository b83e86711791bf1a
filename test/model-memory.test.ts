import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BP4D_AUS } from '../src/data/action-units.js';
import { LANDMARK_COUNT, type FaceDataset } from '../src/data/dataset.js';
import { BatchOrder } from '../src/model/batch-order.js';
import { microBatchSize } from '../src/model/micro-batches.js';
import { PRESETS, type Preset } from '../src/model/presets.js';
import { trainSupervised } from '../src/model/supervised.js';
import { SelfSupervisedTrainer, type StepMetrics, type TrainerOptions } from '../src/model/trainer.js';
import { expectClose, randomValues, relativeError, withEngine } from './helpers.js';

/** Random pictures with landmarks strewn over them; labels are all known, so that every micro-batch has as many. */
function noiseFaces(count: number, imageSize: number): FaceDataset {
  return {
    source: 'noise',
    count,
    imageSize,
    images: Uint8Array.from(randomValues(count * imageSize * imageSize * 4, 11), (value) => 128 + 100 * value),
    landmarks: randomValues(count * LANDMARK_COUNT * 2, 12).map((value) => (0.5 + 0.4 * value) * imageSize),
    actionUnits: BP4D_AUS,
    labels: Uint8Array.from(randomValues(count * BP4D_AUS.length, 13), (value) => (value > 0 ? 1 : 0)),
    identities: Int32Array.from({ length: count }, (_, face) => face % 4),
    identityNames: ['a', 'b', 'c', 'd'],
  };
}

const SMALLEST: Preset = {
  ...PRESETS.tiny,
  backbone: { ...PRESETS.tiny.backbone, imageSize: 32, embedDim: 16, heads: [1, 2] },
  heads: { hiddenDim: 32, projectionDim: 16 },
};
const DATA = noiseFaces(32, 40);

function options(more: Partial<TrainerOptions> = {}): TrainerOptions {
  return { preset: SMALLEST, data: DATA, batch: 16, steps: 4, seed: 3, ...more };
}

async function trained(trainer: SelfSupervisedTrainer, until: number): Promise<StepMetrics[]> {
  const metrics: StepMetrics[] = [];
  await trainer.train((step) => void metrics.push(step), until);
  return metrics;
}

test('checkpointed activations: three steps give the same bits, random draws included, and need less memory', () =>
  withEngine(async (engine) => {
    const preset = { ...SMALLEST, stochasticDepth: 0.5 };
    const kept = await SelfSupervisedTrainer.create(engine, options({ preset }));
    const checkpointed = await SelfSupervisedTrainer.create(engine, options({ preset, checkpointActivations: true }));
    assert.deepEqual(await trained(checkpointed, 3), await trained(kept, 3));
    assert.deepEqual(await engine.read(checkpointed.model.online.values), await engine.read(kept.model.online.values));
    assert.ok(checkpointed.costs.peakBytes < 0.8 * kept.costs.peakBytes);
    for (const trainer of [kept, checkpointed]) trainer.destroy();
  }));

test('supervised training in four micro-batches of 8 equals that with batches of 32, within rounding', () =>
  withEngine(async (engine) => {
    const preset: Preset = {
      ...SMALLEST,
      // Random draws are those of micro-batches, so there must be none.
      augmentation: { ...SMALLEST.augmentation, cropArea: [1, 1], rotation: 0, flip: 0, jitterProbability: 0, blur: [0, 0] },
      // Far above the moments, so that a step is proportional to the gradient; otherwise its sign counts, and that of a
      // gradient next to 0 is a matter of rounding.
      optimizer: { ...SMALLEST.optimizer, epsilon: 1 },
      supervisedLearningRate: 0.5,
    };
    const losses: number[][] = [[], []];
    const run = (accumulate: number, kept: number[]) =>
      trainSupervised(engine, { preset, data: DATA, batch: 32, steps: 3, seed: 3, accumulate }, (_, loss) => void kept.push(loss));
    const whole = await run(1, losses[0]);
    const parts = await run(4, losses[1]);
    assert.ok(relativeError(losses[1], losses[0]) < 1e-5, `losses ${losses[1].join()} and ${losses[0].join()}`);
    await expectClose(engine, parts.values, await engine.read(whole.values), 1e-5, 'parameters after three steps');
    const start = await trainSupervised(engine, { preset, data: DATA, batch: 32, steps: 0, seed: 3 });
    assert.ok(relativeError(await engine.read(start.values), await engine.read(whole.values)) > 1e-3, 'the three steps must have moved them');
  }));

test('accumulation keeps the memory of a micro-batch', () =>
  withEngine(async (engine) => {
    const whole = await SelfSupervisedTrainer.create(engine, options());
    const parts = await SelfSupervisedTrainer.create(engine, options({ accumulate: 4 }));
    assert.ok(parts.costs.peakBytes < 0.4 * whole.costs.peakBytes, `${parts.costs.peakBytes} of ${whole.costs.peakBytes} bytes`);
    for (const trainer of [whole, parts]) trainer.destroy();
  }));

test('self-supervised training with accumulation reports every measure, and a second run gives the same bits', () =>
  withEngine(async (engine) => {
    const first = await SelfSupervisedTrainer.create(engine, options({ accumulate: 2 }));
    const second = await SelfSupervisedTrainer.create(engine, options({ accumulate: 2 }));
    const metrics = await trained(first, 3);
    assert.deepEqual(await trained(second, 3), metrics);
    assert.deepEqual(Object.keys(metrics[0].terms), ['global', 'region', 'contrast', 'relation']);
    for (const value of [...Object.values(metrics[2].terms), ...Object.values(metrics[2].collapse)]) assert.ok(Number.isFinite(value));
    for (const trainer of [first, second]) trainer.destroy();
  }));

test('the micro-batches of a step are its batch, each with whole groups of frames', () => {
  const identities = Int32Array.from({ length: 64 }, (_, face) => face % 8);
  const order = new BatchOrder(identities, 16, 3, 4);
  const whole = [...order.indices(1)];
  const parts = [0, 1].map((index) => [...order.microBatch(1, index, 2)]);
  assert.deepEqual(parts.flat().sort((a, b) => a - b), [...whole].sort((a, b) => a - b));
  for (const part of parts) {
    const frames = new Map<number, number>();
    for (const face of part) frames.set(identities[face], (frames.get(identities[face]) ?? 0) + 1);
    for (const count of frames.values()) assert.equal(count % 4, 0);
  }
});

test('a batch that cannot be divided is refused in words', () => {
  assert.equal(microBatchSize(32, 4), 8);
  assert.throws(() => microBatchSize(30, 4), /30 faces cannot be divided into 4 micro-batches/);
  assert.throws(() => microBatchSize(4, 4), /at least 2 faces/);
  assert.throws(() => microBatchSize(4, 0), /whole number from 1/);
});
