/** Where the commands of a step are cut into submissions. */
import type { Command } from './commands.js';

/**
 * What one submission holds at most. It should stay below about 50 ms, so that no watchdog sees a long one and the page
 * stays responsive, and be long enough that its own cost (some 30 µs of CPU time) is shared by many launches.
 */
export interface SubmissionLimits {
  readonly launches: number;
  readonly flops: number;
}

/** A software adapter runs 1e9 to 1e10 operations a second, and its launches take 20 µs when empty. */
const SOFTWARE: SubmissionLimits = { launches: 48, flops: Infinity };
/** 50 ms at 1e12 operations a second, which a laptop's integrated GPU reaches. */
const HARDWARE: SubmissionLimits = { launches: 512, flops: 5e10 };

/** The limits for an adapter. */
export function submissionLimits(software: boolean): SubmissionLimits {
  return software ? SOFTWARE : HARDWARE;
}

/**
 * The end of each submission, as an index into the commands; the first begins at 0.
 * A launch that exceeds the limits alone is submitted alone.
 */
export function cutSubmissions(commands: readonly Command[], limits: SubmissionLimits): number[] {
  const ends: number[] = [];
  let launches = 0;
  let flops = 0;
  commands.forEach((command, index) => {
    const more = command.kind === 'dispatch' ? (command.call.flops ?? 0) : 0;
    if (launches > 0 && (launches >= limits.launches || flops + more > limits.flops)) {
      ends.push(index);
      launches = 0;
      flops = 0;
    }
    launches += 1;
    flops += more;
  });
  if (launches > 0) ends.push(commands.length);
  return ends;
}
