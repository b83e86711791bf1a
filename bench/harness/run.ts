/** A whole run: timers, peaks and canary first, then group by group. Touches neither Node nor the DOM. */
import { DeviceError, InputError, type Engine } from '../../src/engine/index.js';
import { ASSUMED_SHARE, type SuiteContext } from '../suites/context.js';
import { groupsOf } from '../suites/index.js';
import type { SuiteName } from '../suites/names.js';
import { DeviceTimer } from '../../src/timing/device-timer.js';
import { measureGroup, type Bench } from './measure.js';
import type { MeasureOptions } from './options.js';
import { Canary, measurePeaks } from './peaks.js';
import { canaryBand, isOutOfBand, QUANTA_PER_SAMPLE } from './sampler.js';
import { FORMAT_VERSION, type BenchResult, type Comparison, type Row, type Series, type TrainingFigures } from './schema.js';
import { fitPowerLaw } from '../../src/timing/statistics.js';
import type { Group } from './subject.js';

export interface RunOptions {
  readonly suite: SuiteName;
  /** Only groups whose name holds this text. */
  readonly filter: string | null;
  readonly measure: MeasureOptions;
  /** A new engine with the shaders of bench/shaders; called again when a device was lost. */
  open(): Promise<Engine>;
  /** Seconds. */
  now(): number;
  environment(engine: Engine): BenchResult['environment'];
  /** Hears what goes on. */
  readonly listener: {
    /** Timers, peaks and canary are known. */
    begin(head: Pick<BenchResult, 'environment' | 'timer' | 'peaks' | 'canary'>, groups: readonly string[]): void;
    group(rows: readonly Row[], comparisons: readonly Comparison[], done: number, of: number): void;
    say(line: string): void;
  };
}

/** Canary samples that calibrate its band. */
const CALIBRATION = 9;
/** Memory that a row's tensors may take where the device does not tell how much there is. */
const BYTES_LIMIT = { software: 768 * 2 ** 20, gpu: 16 * 2 ** 30 } as const;
/** Operations per second that are assumed when the peak could not be measured. */
const UNKNOWN_PEAK = 1e9;
/** So fast that nothing is left out: for names before anything was measured. */
const ANY_PEAK = 1e18;

interface Opened {
  readonly engine: Engine;
  readonly timer: DeviceTimer;
}

async function openTimer({ open, now }: RunOptions): Promise<Opened> {
  const engine = await open();
  return { engine, timer: await DeviceTimer.create(engine, now) };
}

/** The options with buffers that the device allows. */
function withinLimits(measure: MeasureOptions, { device }: Engine): MeasureOptions {
  const limit = Math.floor(Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize) / 256) * 256;
  return { ...measure, flushBytes: Math.min(measure.flushBytes, limit), copyBytes: Math.min(measure.copyBytes, limit) };
}

/** @throws {InputError} when the filter leaves nothing */
function filtered(groups: readonly Group[], filter: string | null): readonly Group[] {
  if (filter === null) return groups;
  const wanted = groups.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  if (wanted.length > 0) return wanted;
  const some = groups.slice(0, 5).map(({ name }) => `"${name}"`).join(', ');
  throw new InputError(`--filter "${filter}" is in no group of this suite: expected a part of a name such as ${some} (--list shows all).`);
}

/** What a suite holds on a device: groups, and what is left out. */
function planOf(options: RunOptions, engine: Engine, flopsPerSecond: number, training: TrainingFigures[]) {
  const skipped = new Map<string, string>();
  const { runLimit } = options.measure;
  const context: SuiteContext = {
    engine,
    runLimit,
    flopsLimit: runLimit * ASSUMED_SHARE * flopsPerSecond,
    bytesLimit: engine.info.software ? BYTES_LIMIT.software : BYTES_LIMIT.gpu,
    skip: (what, why) => void skipped.set(what, why),
  };
  const groups = groupsOf(options.suite, context, (figures) => training.push(figures));
  return { groups: filtered(groups, options.filter), skipped };
}

/** The names of a suite's groups on a device, as far as the time limit on unmeasured hardware lets them be told. */
export async function listGroups(options: RunOptions): Promise<string[]> {
  const engine = await options.open();
  try {
    return planOf(options, engine, ANY_PEAK, []).groups.map(({ name }) => name);
  } finally {
    engine.destroy();
  }
}

/** The fits of all series that have two points or more. */
function fitsOf(rows: readonly Row[]): Series[] {
  const names = [...new Set(rows.flatMap(({ series }) => (series ? [series.name] : [])))];
  return names.flatMap((name) => {
    const points = rows.filter(({ series, summary }) => series?.name === name && summary !== null);
    const clock = points.every(({ summary }) => summary?.gpu) ? 'gpu' : 'wall';
    const values = points.map(({ series, summary }): [number, number] => [series?.value ?? 0, (clock === 'gpu' ? summary?.gpu?.median : summary?.wall.median) ?? 0]);
    const fit = fitPowerLaw(values);
    return fit === null ? [] : [{ name, variable: points[0].series?.variable ?? '', clock, points: values, ...fit } as const];
  });
}

/**
 * Runs a suite.
 * @throws {InputError} when the filter leaves nothing
 * @throws {DeviceError} when no device can be opened any more
 */
export async function runSuite(options: RunOptions): Promise<BenchResult> {
  const { now, listener, suite, filter } = options;
  const start = now();
  let opened = await openTimer(options);
  const measure = withinLimits(options.measure, opened.engine);
  // Before anything is measured: a filter that fits nothing should not cost a minute.
  planOf(options, opened.engine, ANY_PEAK, []);
  const environment = options.environment(opened.engine);
  const probed = await opened.timer.probe();
  const peaks = await measurePeaks(opened.timer, probed, measure.copyBytes);
  await opened.timer.prepareFlush(measure.flushBytes);
  let canary = await Canary.create(opened.timer, probed);
  const calibration: number[] = [];
  for (let at = 0; at < CALIBRATION; at++) calibration.push(await canary.sample());
  const band = canaryBand(calibration);
  const timer = { clock: probed.clock, roundTrip: probed.roundTrip, wallQuantum: probed.wall, gpuQuantum: probed.gpu, quantaPerSample: QUANTA_PER_SAMPLE };
  const canaryHead = { ...band, calibration, outOfBand: 0, of: 0, discarded: 0 };
  const training: TrainingFigures[] = [];
  const plan = (): ReturnType<typeof planOf> => planOf(options, opened.engine, peaks.fma?.value ?? UNKNOWN_PEAK, training);
  const { groups, skipped } = plan();
  let current = groups;
  listener.begin({ environment, timer, peaks, canary: canaryHead }, groups.map(({ name }) => name));

  const rows: Row[] = [];
  const comparisons: Comparison[] = [];
  const canaries: number[] = [];
  let compiled = new WeakSet<object>();
  try {
    for (const [at, { name }] of groups.entries()) {
      const bench: Bench = { timer: opened.timer, quanta: probed, canary, band, options: measure };
      try {
        const result = await measureGroup(bench, current[at], compiled);
        rows.push(...result.rows);
        comparisons.push(...result.comparisons);
        canaries.push(...result.canaries);
        listener.group(result.rows, result.comparisons, at + 1, groups.length);
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error;
        skipped.set(name, `the device failed: ${error.message.split('\n')[0]}`);
        listener.say(`${name}: ${error.message.split('\n')[0]} A new device is opened for the rest.`);
        opened.engine.destroy();
        opened = await openTimer(options);
        await opened.timer.prepareFlush(measure.flushBytes);
        canary = await Canary.create(opened.timer, probed);
        compiled = new WeakSet();
        // The groups of the old plan would speak to the old engine.
        current = plan().groups;
      }
    }
  } finally {
    canary.destroy();
    opened.timer.destroy();
    opened.engine.destroy();
  }
  return {
    format: 'zygo-bench',
    version: FORMAT_VERSION,
    suite,
    filter,
    environment,
    timer,
    rules: { ...measure.rule, runLimit: measure.runLimit },
    peaks,
    canary: {
      ...canaryHead,
      outOfBand: canaries.filter((value) => isOutOfBand(value, band)).length,
      of: canaries.length,
      discarded: rows.reduce((sum, { hot }) => sum + (hot?.discarded ?? 0), 0),
    },
    rows,
    comparisons,
    series: fitsOf(rows),
    training: training.filter(({ row }, at) => training.findIndex((other) => other.row === row) === at),
    skipped: [...skipped].map(([what, why]) => ({ what, why })),
    seconds: now() - start,
  };
}
