/** How a run measures: what a person asks for, and what follows from it on a device. Tests make their own. */
import type { PeerName } from '../peers/names.js';
import type { SuiteName } from '../suites/names.js';
import { FEWEST_SAMPLES, type StopRule } from './sampler.js';

/** How long and how often a run samples, and the sizes of its own buffers. */
export interface MeasureOptions {
  readonly rule: StopRule;
  /** Bytes that are written to flush caches; 0 leaves the cold time out. */
  readonly flushBytes: number;
  /** Cold samples of a row. */
  readonly coldSamples: number;
  /** Seconds that one run of a row may be expected to take; longer ones are scaled down or skipped, in words. */
  readonly runLimit: number;
  /** Bytes of each buffer of the copy that measures the bandwidth. */
  readonly copyBytes: number;
}

/** What a person asks for. Plain data: it goes to a Worker as it is. */
export interface RunRequest {
  readonly suite: SuiteName;
  /** Only groups whose name holds this text, or one of several with | between them; with ^ before it, whose name begins with it. */
  readonly filter: string | null;
  /** Groups that an earlier run has measured and that are left alone. */
  readonly without?: readonly string[];
  /** Measure stored choices beside the rules. */
  readonly tuned: boolean;
  /** Samples of a row at least. */
  readonly samples: number;
  /** Seconds of samples of a row at most; null: by the suite. */
  readonly seconds: number | null;
  /** MiB that are written before cold runs; null: by the adapter. */
  readonly flushMib: number | null;
  readonly runLimit: number;
  /** Other libraries that Zygo is measured beside, in the suites that have them. */
  readonly peers: readonly PeerName[];
}

const MIB = 2 ** 20;
/** Relative half-width of a median's interval that ends sampling, and rounds at most. */
const PRECISION = 0.01;
const MAX_ROUNDS = 60;

/** Samples take longer than the shortest that the timers tell, and canaries run between them. */
const SLACK = 1.3;

/** The rule with time enough for the fewest samples, each of `shortest` seconds: where reading the device is slow, they are long. */
export function withTimeFor(rule: StopRule, shortest: number): StopRule {
  return { ...rule, seconds: Math.max(rule.seconds, SLACK * rule.minimum * shortest) };
}

/** Seconds in which slow work, such as a whole training step, gets the fewest samples that are asked for. */
const LONG_ENOUGH = 20;

/**
 * The rule for a group: `seconds` for each of its competitors. Where one round of samples takes long, there is time for
 * one more than the fewest that give a figure, and for all that are asked for if that is possible in 20 s.
 * @param samples seconds of one sample of each competitor
 */
export function ruleForGroup(rule: StopRule, samples: readonly number[]): StopRule {
  const round = samples.reduce((sum, seconds) => sum + seconds, 0);
  return { ...rule, seconds: Math.max(rule.seconds * samples.length, (FEWEST_SAMPLES + 1) * round, Math.min(LONG_ENOUGH, SLACK * rule.minimum * round)) };
}

/** @param software whether the adapter runs on the CPU */
export function measureOptionsOf({ suite, samples, seconds, flushMib, runLimit }: RunRequest, software: boolean): MeasureOptions {
  return {
    rule: { minimum: samples, maximum: Math.max(MAX_ROUNDS, samples), precision: PRECISION, seconds: seconds ?? (suite === 'quick' ? 1.5 : 4) },
    // Larger than the last-level caches that are common; a software adapter writes about 1 GB/s.
    flushBytes: (flushMib ?? (software ? 64 : 256)) * MIB,
    coldSamples: software ? 3 : 9,
    runLimit,
    copyBytes: (software ? 32 : 128) * MIB,
  };
}
