/** Whole training steps of the presets, and how their time grows with batch, image size and number of AUs. */
import { KNOWN_AUS } from '../../src/data/action-units.js';
import { sizeOf } from '../../src/engine/index.js';
import { PRESETS, withImageSize, type Preset } from '../../src/model/presets.js';
import { sslSpecs } from '../../src/model/ssl-model.js';
import { probeClock } from '../../src/timing/clock.js';
import type { DeviceTimer, Quanta } from '../../src/timing/device-timer.js';
import type { Replay } from '../../src/timing/replay.js';
import { breakdownOf } from '../breakdown.js';
import { QUANTA_PER_SAMPLE } from '../harness/sampler.js';
import type { Row, TrainingFigures } from '../harness/schema.js';
import type { Group, RowName, TimedStep } from '../harness/subject.js';
import { ASSUMED_SHARE, largestThatFits, stagesOf, type SuiteContext } from './context.js';
import { PLAIN_WAY, prepareStep, wayText, type StepWay } from './whole-step.js';

/** A whole step may take this many times what a single kernel may. */
const STEP_ALLOWANCE = 5;
/** Of the multiply-add peak, in place of the share that the slowest kernel is expected to reach. */
const STEP_SHARE = 0.2;
/** Replays whose encoding is timed, and breakdowns: as many as go into the seconds, within the two bounds. */
const ENCODE_SAMPLES = { least: 5, most: 30, seconds: 5 } as const;
const BREAKDOWNS = { least: 3, most: 5, seconds: 5 } as const;

/** Values in turn until there are `most`, or `least` of them and the seconds are over. */
async function collect<T>({ now }: DeviceTimer, { least, most, seconds }: typeof ENCODE_SAMPLES | typeof BREAKDOWNS, take: () => Promise<T>): Promise<T[]> {
  const end = now() + seconds;
  const values: T[] = [];
  while (values.length < least || (values.length < most && now() < end)) values.push(await take());
  return values;
}

/** A step to be measured. */
interface StepWork {
  readonly preset: Preset;
  /** Faces of the whole batch. */
  readonly batch: number;
  readonly way: StepWay;
}

/** CPU time of replays, as far as the clock can tell it, and where the device's time goes. */
async function inspectStep(name: string, { preset, batch, way }: StepWork, timer: DeviceTimer, quanta: Quanta, step: TimedStep, replay: Replay): Promise<TrainingFigures> {
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
    options: wayText(way),
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
function stepGroup(work: StepWork, section: RowName['section'], series: Row['series'], keep: (figures: TrainingFigures) => void): Group {
  const { preset, batch, way } = work;
  const { imageSize } = preset.backbone;
  const regions = preset.regions.actionUnits.length;
  const words = wayText(way) && `, ${wayText(way)}`;
  const name: RowName = {
    section,
    // Another way is other work: it must not be compared as the same.
    op: `training step${words}`,
    shape: `${batch} faces of ${imageSize} x ${imageSize}, ${regions} AUs`,
    model: preset.name,
    pass: 'step',
    implementation: 'zygo',
    variant: `${preset.name}, rules`,
    series,
  };
  return {
    name: series ? `${series.name}: ${series.variable} = ${series.value}` : `training step of ${preset.name}${words}: ${name.shape}`,
    subjects: [
      {
        name,
        capture: (engine) => prepareStep(engine, preset, batch, way),
        async inspect(timer, quanta, step, replay, row) {
          if (section === 'training') keep(await inspectStep(row, work, timer, quanta, step, replay));
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

function withRegions(preset: Preset, count: number): Preset {
  return { ...preset, regions: { ...preset.regions, actionUnits: KNOWN_AUS.slice(0, count) } };
}

/** What users can choose beside the preset, most of all to save memory: measured for the smallest preset and for the largest. */
const WAYS: Readonly<Record<string, readonly StepWay[]>> = {
  tiny: [{ ...PLAIN_WAY, precision: 'mixed' }, { ...PLAIN_WAY, checkpointActivations: true }, { ...PLAIN_WAY, accumulate: 4 }],
  'swin-t': [
    { ...PLAIN_WAY, precision: 'mixed' },
    { ...PLAIN_WAY, checkpointActivations: true },
    { ...PLAIN_WAY, precision: 'mixed', checkpointActivations: true },
    { ...PLAIN_WAY, accumulate: 4 },
  ],
};

/**
 * `--suite training`.
 * @param keep gets the figures of every step that was timed
 */
export function trainingSuite(context: SuiteContext, keep: (figures: TrainingFigures) => void): Group[] {
  const stepsOf = (preset: Preset, way: StepWay): Group[] => {
    const { batch } = preset.full;
    const words = wayText(way) && `, ${wayText(way)}`;
    // A micro-batch has four faces at least, so that every loss has something to compare.
    const batches = [1, 2, 4, 8].map((share) => batch / share).filter((faces) => faces >= 4 * way.accumulate);
    const fitting = fits(context, preset, `training step of ${preset.name}${words}, faces`, batches);
    return fitting === null ? [] : [stepGroup({ preset, batch: fitting, way }, 'training', null, keep)];
  };
  const steps = Object.values(PRESETS).flatMap((preset) => stepsOf(preset, PLAIN_WAY));
  // Mixed precision of all presets before anything else: time may run out.
  const rounds = Math.max(...Object.values(WAYS).map(({ length }) => length));
  const chosen = Array.from({ length: rounds }, (_, round) =>
    Object.values(PRESETS).flatMap((preset) => (WAYS[preset.name] ?? []).slice(round, round + 1).flatMap((way) => stepsOf(preset, way))),
  ).flat();
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
      return [stepGroup({ preset: given, batch: faces, way: PLAIN_WAY }, 'series', { name, variable, value }, keep)];
    }),
  );
  return [...steps, ...chosen, ...series];
}
