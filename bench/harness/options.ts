/** How a run measures; the command line fills it, tests make their own. */
import type { StopRule } from './sampler.js';

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
