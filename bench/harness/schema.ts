/** The result file of `bench --json`: what is in it, and a reader that names what is wrong with a file. */
import { z } from 'zod';
import { InputError } from '../../src/engine/errors.js';

/** Raised when a reader of old files could misread new ones. */
export const FORMAT_VERSION = 1;

const seconds = z.number().nonnegative();
const summary = z.object({ n: z.number().int().positive(), median: seconds, q1: seconds, q3: seconds });

const samples = z.object({
  /** Seconds per repeat, raw. */
  wall: z.array(seconds),
  /** Null where the device has no timestamps. */
  gpu: z.array(seconds).nullable(),
  /** Repeats in one sample. */
  repeats: z.number().int().positive(),
  /** Samples thrown away because a canary beside them was out of its band. */
  discarded: z.number().int().nonnegative(),
  /** Samples thrown away because they, or others of as many repeats, were shorter than 100 steps of a timer; not looked for in older files. */
  short: z.number().int().nonnegative().default(0),
  stop: z.enum(['settled', 'noise', 'timeout']),
  /** Canary seconds before, between and after the samples of all competitors of the group. */
  canaries: z.array(seconds),
});

const row = z.object({
  /** Equal in two files for what can be compared. */
  id: z.string(),
  section: z.enum(['kernels', 'ladder', 'comparison', 'series', 'training', 'peers']),
  /** Rows of a group were sampled in turns. */
  group: z.string(),
  op: z.string(),
  shape: z.string(),
  /** Where the shape comes from: a preset, or "square" and the like. */
  model: z.string(),
  pass: z.enum(['forward', 'backward', 'forward and backward', 'step']),
  /** "zygo", "zygo, separate kernels", or another library. */
  implementation: z.string(),
  /** What was forced, as family=variant; "rules" where nothing was, "tuned" where stored choices were in force. */
  variant: z.string(),
  /** Every choice that was made for the row: its problem, what was chosen, and what the rule says. */
  choices: z.array(z.object({ family: z.string(), problem: z.string(), variant: z.string(), rule: z.string() })).default([]),
  /**
   * timed; wrong: the result is not the reference's, so there is no time; short: below the timer's resolution;
   * few: too few samples were left; failed: it did not run.
   */
  status: z.enum(['timed', 'wrong', 'short', 'few', 'failed']),
  /** Why there is no time, or what else a reader must know; may be empty. */
  note: z.string(),
  check: z
    .object({
      /** Largest error of `output`, relative to the largest magnitude in it; null when not finite. */
      error: z.number().nonnegative().nullable(),
      tolerance: z.number().positive(),
      /** Of all outputs the one whose error is the largest share of its tolerance. */
      output: z.string(),
      /** What it was compared with. */
      against: z.string(),
    })
    .nullable(),
  dispatches: z.number().int().nonnegative(),
  /** Operations and bytes of one repeat, as the kernels state them. */
  flops: z.number().nonnegative(),
  bytes: z.number().nonnegative(),
  peakBytes: z.number().nonnegative(),
  lowerBoundBytes: z.number().nonnegative(),
  /** Compiling those pipelines that no row before had compiled; null when there were none. */
  compile: z.object({ seconds, pipelines: z.number().int().positive(), of: z.number().int().positive() }).nullable(),
  /** Wall time of the first run after compiling; null when it failed. */
  firstRun: seconds.nullable(),
  /**
   * Shortest wall time that could be told when the row was measured, in seconds: 100 steps of the wall timer. `firstRun` and
   * `compile.seconds` cannot be repeated; below this they are no figures, and shown as "below" it. Null in older files,
   * for which that of `timer` holds.
   */
  resolution: seconds.nullable().default(null),
  hot: samples.nullable(),
  /** GPU time per repeat with the caches flushed before each; with `repeats` over 1 a difference: that many with their flushes, less the flushes. */
  cold: z.object({ flushBytes: z.number().positive(), repeats: z.number().int().positive(), gpu: z.array(seconds) }).nullable(),
  summary: z.object({ wall: summary, gpu: summary.nullable(), cold: summary.nullable() }).nullable(),
  /** What the row is a point of. */
  series: z.object({ name: z.string(), variable: z.string(), value: z.number().positive() }).nullable(),
});

/** The interval is of 95 %; `low` is 0 and `high` null where there were too few samples for one. */
const ratio = z.object({ ratio: z.number().positive(), low: z.number().nonnegative(), high: z.number().nonnegative().nullable() });

const comparison = z.object({
  group: z.string(),
  /** Rows by id: time(above) / time(below). */
  above: z.string(),
  below: z.string(),
  clock: z.enum(['gpu', 'wall']),
  ...ratio.shape,
});

const series = z.object({
  name: z.string(),
  variable: z.string(),
  clock: z.enum(['gpu', 'wall']),
  points: z.array(z.tuple([z.number(), z.number()])),
  exponent: z.number(),
  factor: z.number(),
  standardError: z.number().nullable(),
});

const training = z.object({
  row: z.string(),
  preset: z.string(),
  /** What was chosen beside the preset, in words, such as "mixed precision"; empty for nothing. */
  options: z.string().default(''),
  batch: z.number().int().positive(),
  imageSize: z.number().int().positive(),
  regions: z.number().int().positive(),
  parameters: z.number().int().positive(),
  dispatches: z.number().int().positive(),
  commands: z.number().int().positive(),
  peakBytes: z.number().nonnegative(),
  lowerBoundBytes: z.number().nonnegative(),
  /** CPU seconds to encode one replay on an idle device, divided by its dispatches; raw samples, none where a replay is shorter than 100 steps of the clock. With `submitPerDispatch` missing: to submit it, too. */
  encodePerDispatch: z.array(seconds),
  /**
   * The same at once again, without anything run in between. A software adapter runs a step in the CPU's caches, and the
   * encoding after it has to fetch all of its own anew; beside a GPU the caches stay the CPU's, and this is the figure.
   */
  encodeAgainPerDispatch: z.array(seconds).optional(),
  /** CPU seconds to submit it: on a software adapter the device takes the cores from the first of several submissions on. */
  submitPerDispatch: z.array(seconds).optional(),
  /** Smallest step of the timestamps behind `breakdown`, in seconds; in older files that of `timer`. */
  gpuQuantum: seconds.nullable().optional(),
  /**
   * By shader, the most expensive first. `seconds` is a sum of one reading for each launch, whatever its length: below 100
   * quanta for each it is no figure (see bench/breakdown.ts). Without timestamps it is null; in older files the whole list is.
   */
  breakdown: z.array(z.object({ shader: z.string(), launches: z.number().int().positive(), seconds: seconds.nullable(), flops: z.number(), bytes: z.number() })).nullable(),
});

const peer = z.object({
  name: z.string(),
  /** Null when it was not loaded. */
  version: z.string().nullable(),
  /** How it is used, as its documentation advises; or why it was not measured. */
  note: z.string(),
});

const peak = z.object({ value: z.number().positive(), how: z.string(), samples: z.array(seconds), tried: z.array(z.object({ how: z.string(), value: z.number() })) });

/** The whole file. Times are in seconds, memory in bytes, work in floating-point operations and bytes, rates in those per second. */
export const resultSchema = z.object({
  format: z.literal('zygo-bench'),
  version: z.literal(FORMAT_VERSION),
  suite: z.string(),
  filter: z.string().nullable(),
  /** Stored choices that "tuned" rows used: where they were read, their number and date; null when none were asked for. */
  tuned: z.object({ place: z.string(), date: z.string(), choices: z.number().int().positive() }).nullable().default(null),
  environment: z.object({
    zygo: z.string(),
    commit: z.string().nullable(),
    date: z.string(),
    system: z.string(),
    /** Node's or the browser's name and version. */
    runtime: z.string(),
    /** Version of Dawn (npm webgpu), or null in a browser, which names its own in `runtime`. */
    dawn: z.string().nullable(),
    adapter: z.object({ vendor: z.string(), architecture: z.string(), device: z.string(), description: z.string(), software: z.boolean() }),
    features: z.array(z.string()),
    limits: z.record(z.string(), z.number()),
    subgroupSize: z.object({ min: z.number(), max: z.number() }).nullable(),
    /** Dawn toggles or browser switches that were asked for. */
    flags: z.array(z.string()),
  }),
  timer: z.object({ clock: seconds, roundTrip: seconds, wallQuantum: seconds, gpuQuantum: seconds.nullable(), quantaPerSample: z.number() }),
  rules: z.object({ minimum: z.number(), maximum: z.number(), precision: z.number(), seconds: z.number(), runLimit: z.number() }),
  /** Bytes per second of a copy, operations per second of multiply-adds; null when they could not be told. */
  peaks: z.object({ copy: peak.nullable(), fma: peak.nullable() }),
  canary: z.object({
    baseline: seconds,
    tolerance: z.number(),
    calibration: z.array(seconds),
    /** The band by the wall clock, which stands beside other libraries; older files have none. */
    wall: z.object({ baseline: seconds, tolerance: z.number() }).optional(),
    /** Launches in one sample, which `baseline` is the time of; files from before it was written down have none. */
    repeats: z.number().int().positive().optional(),
    /** Groups before which the device had changed its speed for good, or was opened anew: the band from there on, by the wall clock where `wall` says so. */
    renewed: z.array(z.object({ group: z.string(), baseline: seconds, tolerance: z.number(), newDevice: z.boolean().optional(), wall: z.boolean().optional() })).default([]),
    outOfBand: z.number().int(),
    of: z.number().int(),
    discarded: z.number().int(),
  }),
  rows: z.array(row),
  comparisons: z.array(comparison),
  /** Other libraries of the suite `peers`; files from before there were any have none. */
  peers: z.array(peer).default([]),
  series: z.array(series),
  training: z.array(training),
  /** What was left out, and why, in words. */
  skipped: z.array(z.object({ what: z.string(), why: z.string() })),
  /** Of the whole run. */
  seconds,
});

/** A result file, read. */
export type BenchResult = z.infer<typeof resultSchema>;
/** One measured kernel or step: times in seconds per repeat, memory and traffic in bytes. */
export type Row = z.infer<typeof row>;
/** How many times as long one row takes as another (no unit), with the interval of 95 %. */
export type Comparison = z.infer<typeof comparison>;
/** Times over sizes, [size, seconds], and the fit seconds = factor x size^exponent; `standardError` is the exponent's. */
export type Series = z.infer<typeof series>;
/** What is known of a training step besides its row's times: memory in bytes, CPU time per dispatch and time by shader in seconds. */
export type TrainingFigures = z.infer<typeof training>;
/** Another library of a run: what was loaded, or why not. */
export type PeerFacts = z.infer<typeof peer>;
/** What the device did at best, in bytes or operations per second, with the seconds per repeat behind it. */
export type Peak = z.infer<typeof peak>;
/** Hot samples of a row, in seconds per repeat. */
export type Samples = z.infer<typeof samples>;

/**
 * Reads a result file's text.
 * @param name of the file, for messages
 * @throws {InputError} when it is no JSON, no result of this format version, or something in it is missing or wrong
 */
export function parseResult(text: string, name: string): BenchResult {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${name} is no JSON (${(error as Error).message}): expected a file that "npm run bench -- --json FILE" wrote.`);
  }
  const { format, version } = (data ?? {}) as { format?: unknown; version?: unknown };
  if (format !== 'zygo-bench') throw new InputError(`${name} is no benchmark result: expected "format": "zygo-bench" in it.`);
  if (version !== FORMAT_VERSION) throw new InputError(`${name} has the format version ${String(version)}: expected ${FORMAT_VERSION}.`);
  const parsed = resultSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new InputError(`${name} cannot be read at ${first.path.join('.') || 'its top'}: ${first.message}.`);
}
