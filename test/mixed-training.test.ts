/** Training in mixed precision: near f32, steps that overflow, going on from a checkpoint, and what the loss scale is for. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { DeviceError, type Tensor } from '../src/engine/index.js';
import { LOSS_SCALE } from '../src/kernels/optimizer/index.js';
import { decodeSnapshot, encodeSnapshot } from '../src/model/checkpoint/training-state.js';
import type { Precision } from '../src/model/precision.js';
import type { Preset } from '../src/model/presets.js';
import { trainSupervised } from '../src/model/supervised.js';
import { SelfSupervisedTrainer, type StepMetrics } from '../src/model/trainer.js';
import { sharedEngine } from './helpers.js';
import { DATA, SMALLEST } from './small-training.js';

const engine = await sharedEngine();
after(() => engine.checkDevice());

const withScale = (lossScale: Partial<Preset['lossScale']>): Preset => ({ ...SMALLEST, lossScale: { ...LOSS_SCALE, ...lossScale } });

/** Runs `body` with a trainer, and gives everything back. */
function withTrainer<T>(precision: Precision, preset: Preset, body: (trainer: SelfSupervisedTrainer) => Promise<T>, steps = 30): Promise<T> {
  return engine.scope(async () => {
    const trainer = await SelfSupervisedTrainer.create(engine, { preset, data: DATA, batch: 8, steps, seed: 3, precision });
    try {
      return await body(trainer);
    } finally {
      trainer.destroy();
    }
  });
}

async function train(trainer: SelfSupervisedTrainer, until: number): Promise<StepMetrics[]> {
  const metrics: StepMetrics[] = [];
  await trainer.train((step) => void metrics.push(step), until);
  return metrics;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const bytesOf = async (tensor: Tensor): Promise<Buffer> => Buffer.from((await engine.read(tensor)).buffer);

test('self-supervised losses stay near those of f32, while both fall, and the step needs less memory', async () => {
  const run = (precision: Precision) => withTrainer(precision, SMALLEST, async (trainer) => ({ costs: trainer.costs, losses: (await train(trainer, 30)).map(({ loss }) => loss) }));
  const single = await run('f32');
  const mixed = await run('mixed');
  assert.ok(Math.abs(mixed.losses[0] - single.losses[0]) < 1e-3 * single.losses[0], `first loss ${mixed.losses[0]}, f32 ${single.losses[0]}`);
  const [start, end, endMixed] = [mean(single.losses.slice(0, 3)), mean(single.losses.slice(20)), mean(mixed.losses.slice(20))];
  assert.ok(start - end > 0.3, `f32 falls: ${start} to ${end}`);
  assert.ok(Math.abs(endMixed - end) < 0.3 * (start - end), `last ten: ${endMixed}, f32 ${end}, at first ${start}`);
  assert.ok(mixed.costs.peakBytes < 0.85 * single.costs.peakBytes, `${mixed.costs.peakBytes} bytes, f32 ${single.costs.peakBytes}`);
});

test('supervised losses stay near those of f32', async () => {
  const run = async (precision: Precision) => {
    const losses: number[] = [];
    await engine.scope(async () => {
      await trainSupervised(engine, { preset: SMALLEST, data: DATA, batch: 8, steps: 20, seed: 3, precision }, (_step, loss) => losses.push(loss));
    });
    return losses;
  };
  const [single, mixed] = [await run('f32'), await run('mixed')];
  assert.equal(mixed.length, 20);
  assert.notDeepEqual(mixed, single, 'f16 shows in the last digits');
  mixed.forEach((loss, step) => assert.ok(Math.abs(loss - single[step]) < 0.05, `step ${step + 1}: ${loss}, f32 ${single[step]}`));
});

test('supervised training stops where even the least scale overflows', () =>
  engine.scope(() =>
    assert.rejects(
      trainSupervised(engine, { preset: withScale({ least: 2 ** 40, initial: 2 ** 40, most: 2 ** 40 }), data: DATA, batch: 8, steps: 2, seed: 3, precision: 'mixed' }),
      (error: unknown) => error instanceof DeviceError && /step 1: the loss is 0\.\d+, the norm of its gradient (Infinity|NaN)/.test(error.message),
    ),
  ));

test('a step that overflows changes no parameter, moment, target or prior, and the next one has half the scale', () =>
  withTrainer('mixed', withScale({ initial: 2 ** 30, most: 2 ** 30 }), async (trainer) => {
    const { model } = trainer;
    const all = [model.online.values, model.target.values, model.firstMoment, model.secondMoment, model.prior];
    const before = await Promise.all(all.map(bytesOf));
    const metrics = await train(trainer, 2);
    assert.deepEqual(metrics.map(({ collapse }) => [collapse.lossScale, collapse.overflows]), [[2 ** 29, 1], [2 ** 28, 2]]);
    assert.deepEqual(await Promise.all(all.map(bytesOf)), before);
  }));

test('a scale that is too large comes down until steps are taken', () =>
  withTrainer('mixed', withScale({ initial: 2 ** 30, most: 2 ** 30 }), async (trainer) => {
    const metrics = await train(trainer, 20);
    const last = metrics[19].collapse;
    assert.ok(last.overflows < 20 && last.lossScale >= 2 ** 10, `scale ${last.lossScale}, ${last.overflows} steps skipped`);
    assert.ok(metrics.some(({ collapse }) => Number.isFinite(collapse.gradientNorm)));
  }));

test('a run resumed from a checkpoint equals one that never stopped, through overflows and growth', async () => {
  const preset = withScale({ initial: 2 ** 22, growthInterval: 2 });
  const straight = await withTrainer('mixed', preset, (trainer) => train(trainer, 14));
  const scales = straight.map(({ collapse }) => collapse.lossScale);
  assert.ok(scales.slice(7).some((scale, index) => scale > scales[index + 6]) && scales.slice(7).some((scale, index) => scale < scales[index + 6]), `up and down after the checkpoint: ${scales}`);
  const bytes = await withTrainer('mixed', preset, async (trainer) => {
    await train(trainer, 7);
    return encodeSnapshot(await trainer.snapshot());
  });
  const resumed = await withTrainer('mixed', preset, (trainer) => {
    trainer.restore(decodeSnapshot(bytes, 'checkpoint.safetensors'));
    return train(trainer, 14);
  });
  assert.deepEqual(resumed, straight.slice(7));
});

test('a checkpoint of f32 can go on in mixed precision, with the first loss scale, and the other way round', async () => {
  const single = await withTrainer('f32', SMALLEST, (trainer) => trainer.snapshot());
  const mixed = await withTrainer('mixed', SMALLEST, async (trainer) => {
    trainer.restore(single);
    assert.equal((await train(trainer, 1))[0].collapse.lossScale, LOSS_SCALE.initial);
    return trainer.snapshot();
  });
  await withTrainer('f32', SMALLEST, async (trainer) => {
    trainer.restore(mixed);
    assert.deepEqual((await train(trainer, 2)).map(({ step }) => step), [2]);
  });
});

test('gradients too small for f16 survive with the scale, and vanish without it', async () => {
  const tiny = 2 ** -22;
  const { global, region, contrast, relation } = SMALLEST.objective;
  const objective = { ...SMALLEST.objective, global: tiny * global, region: tiny * region, contrast: tiny * contrast, relation: tiny * relation };
  const norm = async (precision: Precision, initial: number) => {
    const preset: Preset = { ...SMALLEST, objective, lossScale: { ...LOSS_SCALE, initial } };
    return (await withTrainer(precision, preset, (trainer) => train(trainer, 1)))[0].collapse.gradientNorm;
  };
  const expected = await norm('f32', LOSS_SCALE.initial);
  const scaled = await norm('mixed', LOSS_SCALE.initial);
  assert.ok(Math.abs(scaled - expected) < 0.01 * expected, `with the scale ${scaled}, f32 ${expected}`);
  const unscaled = await norm('mixed', 1);
  assert.ok(Math.abs(unscaled - expected) > 0.1 * expected, `without the scale ${unscaled}, f32 ${expected}`);
});

test('an overflow at the least scale ends the run and says why', () =>
  withTrainer('mixed', withScale({ initial: 2 ** 30, least: 2 ** 30, most: 2 ** 30 }), async (trainer) => {
    await assert.rejects(train(trainer, 3), (error) => error instanceof DeviceError && /stopped at step 1: .*smaller loss scale cannot help/.test(error.message));
  }));
