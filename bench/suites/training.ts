/** Whole training steps of the presets, and how their time grows with batch, image size and number of AUs. */
import { KNOWN_AUS } from '../../src/data/action-units.js';
import { LANDMARK_COUNT, type FaceDataset } from '../../src/data/dataset.js';
import { sizeOf, type CapturedStep, type Engine } from '../../src/engine/index.js';
import { adamwHyper } from '../../src/kernels/optimizer/index.js';
import { VARIANT_FAMILIES } from '../../src/kernels/variants.js';
import { feasibleGroupSize } from '../../src/model/batch-order.js';
import { uploadDataset } from '../../src/model/device-dataset.js';
import { PRESETS, type Preset } from '../../src/model/presets.js';
import { SslModel, sslSpecs } from '../../src/model/ssl-model.js';
import { captureTrainingStep, type StepOutputs } from '../../src/model/training-step.js';
import { randomValues } from '../../src/verify/values.js';
import type { DeviceTimer, Quanta } from '../../src/timing/device-timer.js';
import type { Replay } from '../../src/timing/replay.js';
import type { Row, TrainingFigures } from '../harness/schema.js';
import { probeClock } from '../../src/timing/clock.js';
import { breakdownOf } from '../breakdown.js';
import { QUANTA_PER_SAMPLE } from '../harness/sampler.js';
import type { Group, Prepared, RowName } from '../harness/subject.js';
import { ASSUMED_SHARE, largestThatFits, stagesOf, type SuiteContext } from './context.js';

/** A whole step may take this many times what a single kernel may. */
const STEP_ALLOWANCE = 5;
/** Of the multiply-add peak, in place of the share that the slowest kernel is expected to reach. */
const STEP_SHARE = 0.2;
/** So small that thousands of repeats of one batch change nothing that could overflow; it costs the same. */
const LEARNING_RATE = 1e-7;
const SEED = 5;
/**
 * Relative difference of losses and monitors between two sets of kernels: each is within 1e-4 of float64, and a step
 * has some thirty of them in a row.
 */
const TOLERANCE = 1e-3;
/** Replays whose encoding is timed, and breakdowns: as many as go into the seconds, within the two bounds. */
const ENCODE_SAMPLES = { least: 5, most: 30, seconds: 5 } as const;
const BREAKDOWNS = { least: 3, most: 5, seconds: 5 } as const;

/** Faces of noise: a step's time does not depend on what is in them. */
function noiseFaces(preset: Preset, batch: number): FaceDataset {
  const { faceSize, groupSize, regions } = preset;
  const pixels = randomValues(faceSize * faceSize * 4, 11);
  return {
    source: 'noise',
    count: batch,
    imageSize: faceSize,
    images: Uint8Array.from({ length: batch * pixels.length }, (_, at) => 128 + 100 * pixels[(at + 31 * Math.floor(at / pixels.length)) % pixels.length]),
    landmarks: randomValues(batch * LANDMARK_COUNT * 2, 12).map((value) => (0.5 + 0.4 * value) * faceSize),
    actionUnits: regions.actionUnits,
    labels: new Uint8Array(batch * regions.actionUnits.length),
    identities: Int32Array.from({ length: batch }, (_, face) => Math.floor(face / groupSize)),
    identityNames: Array.from({ length: Math.ceil(batch / groupSize) }, (_, person) => `person ${person}`),
  };
}

/** A captured step with a model of its own, as the trainer makes it. */
function captureStep(engine: Engine, preset: Preset, batch: number): CapturedStep<StepOutputs> {
  const { beta1, beta2, epsilon, weightDecay, targetDecay } = preset.optimizer;
  const faces = noiseFaces(preset, batch);
  const inputs = {
    indices: engine.tensor(Uint32Array.from({ length: batch }, (_, face) => face), [batch]),
    key: engine.tensor(Uint32Array.of(SEED, 0), [2]),
    hyper: engine.tensor(adamwHyper(1, { learningRate: LEARNING_RATE, beta1, beta2, epsilon, weightDecay }), [8]),
    targetDecay: engine.tensor([targetDecay], [1]),
  };
  const data = uploadDataset(engine, faces, preset.regions);
  const model = new SslModel(engine, preset, SEED);
  return captureTrainingStep(engine, model, data, inputs, { batch, groupSize: feasibleGroupSize(faces.identities, batch, preset.groupSize) }, preset.objective);
}

/** Losses and monitors of the step's last run, by name. */
async function measuresOf(engine: Engine, { outputs }: CapturedStep<StepOutputs>): Promise<Record<string, number>> {
  const scalars = await engine.read(outputs.scalars);
  return Object.fromEntries(Object.entries(outputs.places).map(([name, place]) => [name, scalars[place]]));
}

/** The base variant of every family, but for matrix products: one step of naive ones takes minutes on a software adapter. */
const BASE = { ...Object.fromEntries(Object.entries(VARIANT_FAMILIES).map(([family, { base }]) => [family, base])), matmul: 'tile' };

/** The same measures from one run with the base variants. */
async function measuresOfBase(engine: Engine, preset: Preset, batch: number): Promise<Record<string, number>> {
  return engine.scope(async () => {
    for (const [family, variant] of Object.entries(BASE)) engine.force(family, variant);
    let step: CapturedStep<StepOutputs>;
    try {
      step = captureStep(engine, preset, batch);
    } finally {
      for (const family of Object.keys(BASE)) engine.force(family, null);
    }
    await step.prepare();
    step.run();
    const measures = await measuresOf(engine, step);
    step.destroy();
    return measures;
  });
}

function prepare(engine: Engine, preset: Preset, batch: number): Prepared {
  const step = captureStep(engine, preset, batch);
  return {
    step,
    against: 'losses and monitors of the same step from other variants: the base variant of every kernel, matmul=tile (zygo verify checks each against float64)',
    async check() {
      const [own, base] = [await measuresOf(engine, step), await measuresOfBase(engine, preset, batch)];
      const names = Object.keys(base);
      return names.map((name) => ({ output: name, actual: [own[name]], expected: { values: [base[name]], tolerance: TOLERANCE } }));
    },
  };
}

/** Values in turn until there are `most`, or `least` of them and the seconds are over. */
async function collect<T>({ now }: DeviceTimer, { least, most, seconds }: typeof ENCODE_SAMPLES | typeof BREAKDOWNS, take: () => Promise<T>): Promise<T[]> {
  const end = now() + seconds;
  const values: T[] = [];
  while (values.length < least || (values.length < most && now() < end)) values.push(await take());
  return values;
}

/** CPU time of replays, as far as the clock can tell it, and where the device's time goes. */
async function inspectStep(name: string, preset: Preset, batch: number, timer: DeviceTimer, quanta: Quanta, step: CapturedStep<unknown>, replay: Replay): Promise<TrainingFigures> {
  const { engine } = timer;
  const shortest = QUANTA_PER_SAMPLE * probeClock(timer.now);
  // The device is idle while the CPU encodes: a software adapter would take the cores away.
  const times = await collect(timer, ENCODE_SAMPLES, async () => {
    await engine.finish();
    const start = timer.now();
    step.encode();
    const encoded = timer.now();
    const buffers = step.encode();
    const encodedAgain = timer.now();
    for (const buffer of buffers) engine.device.queue.submit([buffer]);
    return { encode: encoded - start, again: encodedAgain - encoded, submit: timer.now() - encodedAgain };
  });
  await engine.finish();
  const runs = (await collect(timer, BREAKDOWNS, () => timer.breakdown(replay))).filter((run) => run !== null);
  // A choice of the longer ones would be none of the step's: one that is too short takes all of its kind with it.
  const perDispatch = (times: readonly number[]): number[] => (times.every((seconds) => seconds >= shortest) ? times.map((seconds) => seconds / step.dispatches) : []);
  const { regions, backbone } = preset;
  return {
    row: name,
    preset: preset.name,
    batch,
    imageSize: backbone.imageSize,
    regions: regions.actionUnits.length,
    parameters: sslSpecs(preset).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    dispatches: step.dispatches,
    commands: step.commands.length,
    peakBytes: step.plan.peakBytes,
    lowerBoundBytes: step.plan.lowerBoundBytes,
    encodePerDispatch: perDispatch(times.map(({ encode }) => encode)),
    encodeAgainPerDispatch: perDispatch(times.map(({ again }) => again)),
    submitPerDispatch: perDispatch(times.map(({ submit }) => submit)),
    gpuQuantum: quanta.gpu,
    breakdown: breakdownOf(step.commands, runs),
  };
}

/** One group of one step. */
function stepGroup(preset: Preset, batch: number, section: RowName['section'], series: Row['series'], keep: (figures: TrainingFigures) => void): Group {
  const { imageSize } = preset.backbone;
  const regions = preset.regions.actionUnits.length;
  const name: RowName = {
    section,
    op: 'training step',
    shape: `${batch} faces of ${imageSize} x ${imageSize}, ${regions} AUs`,
    model: preset.name,
    pass: 'step',
    implementation: 'zygo',
    variant: `${preset.name}, rules`,
    series,
  };
  return {
    name: series ? `${series.name}: ${series.variable} = ${series.value}` : `training step of ${preset.name}: ${name.shape}`,
    subjects: [
      {
        name,
        capture: (engine) => prepare(engine, preset, batch),
        async inspect(timer, quanta, step, replay, row) {
          if (section === 'training') keep(await inspectStep(row, preset, batch, timer, quanta, step, replay));
        },
      },
    ],
  };
}

/** Rough operations of a step: the backbone's linear layers, two views, one forward pass of the target, three of the online network. */
function stepCost(preset: Preset, batch: number): { flops: number; bytes: number } {
  const perImage = stagesOf(preset).reduce(
    (sum, { stage, size, channels, hidden }) => sum + preset.backbone.depths[stage] * 2 * size * size * channels * (4 * channels + 2 * hidden),
    0,
  );
  return { flops: 8 * batch * perImage, bytes: 0 };
}

function fits(context: SuiteContext, preset: Preset, what: string, batches: readonly number[]): number | null {
  const allowance = (STEP_ALLOWANCE * STEP_SHARE) / ASSUMED_SHARE;
  const wide = { ...context, flopsLimit: context.flopsLimit * allowance, runLimit: context.runLimit * STEP_ALLOWANCE };
  return largestThatFits(wide, what, batches, (batch) => stepCost(preset, batch));
}

/** A preset with another input size; stored faces grow with it. */
function withImageSize(preset: Preset, imageSize: number): Preset {
  return { ...preset, faceSize: Math.round((preset.faceSize * imageSize) / preset.backbone.imageSize), backbone: { ...preset.backbone, imageSize } };
}

function withRegions(preset: Preset, count: number): Preset {
  return { ...preset, regions: { ...preset.regions, actionUnits: KNOWN_AUS.slice(0, count) } };
}

/**
 * `--suite training`.
 * @param keep gets the figures of every step that was timed
 */
export function trainingSuite(context: SuiteContext, keep: (figures: TrainingFigures) => void): Group[] {
  const steps = Object.values(PRESETS).flatMap((preset) => {
    const { batch } = preset.full;
    const fitting = fits(context, preset, `training step of ${preset.name}, faces`, [1, 2, 4, 8].map((share) => batch / share).filter((faces) => faces >= 4));
    return fitting === null ? [] : [stepGroup(preset, fitting, 'training', null, keep)];
  });
  const { tiny } = PRESETS;
  const variables = [
    { name: 'Training step of tiny over the batch', variable: 'batch', values: [8, 16, 32, 64], preset: () => tiny, batch: (value: number) => value },
    { name: 'Training step of tiny over the image size (8 faces)', variable: 'image size', values: [32, 48, 64, 96, 128], preset: (value: number) => withImageSize(tiny, value), batch: () => 8 },
    { name: 'Training step of tiny over the number of AUs (8 faces)', variable: 'AUs', values: [3, 6, 9, 12, 15], preset: (value: number) => withRegions(tiny, value), batch: () => 8 },
  ];
  const series = variables.flatMap(({ name, variable, values, preset, batch }) =>
    values.flatMap((value) => {
      const [given, faces] = [preset(value), batch(value)];
      if (fits(context, given, `${name}: ${variable} = ${value}, faces`, [faces]) === null) return [];
      return [stepGroup(given, faces, 'series', { name, variable, value }, keep)];
    }),
  );
  return [...steps, ...series];
}
