/** Medians, spreads, and who wins. */
import type { CandidateTime } from './record.js';

/** A winner has to be this much faster than the rule's variant: less is not worth another kernel. */
export const LEAST_GAIN = 1.03;

/**
 * The variant to use: the fastest one, if it beats the rule's by more than the noise, and the rule's otherwise. More
 * than the noise means that the middle halves of their samples do not touch and that the medians differ by 3 %.
 * A rule's variant without a time (it was wrong) loses to the fastest one that has a time; where none has, it stays.
 */
export function decide(candidates: readonly CandidateTime[], rule: string): string {
  const timed = candidates.filter((candidate) => candidate.nanoseconds !== null);
  if (timed.length === 0) return rule;
  const fastest = timed.reduce((best, candidate) => ((candidate.nanoseconds as number) < (best.nanoseconds as number) ? candidate : best));
  const byRule = timed.find(({ variant }) => variant === rule);
  if (!byRule) return fastest.variant;
  const apart = (fastest.spread as [number, number])[1] < (byRule.spread as [number, number])[0];
  const gain = (byRule.nanoseconds as number) / (fastest.nanoseconds as number);
  return apart && gain >= LEAST_GAIN ? fastest.variant : rule;
}

/** How many times as fast the winner is as the rule's variant; null where either has no time. */
export function gainOf(candidates: readonly CandidateTime[], rule: string, winner: string): number | null {
  const of = (name: string): number | null => candidates.find(({ variant }) => variant === name)?.nanoseconds ?? null;
  const [before, after] = [of(rule), of(winner)];
  return before === null || after === null || after === 0 ? null : before / after;
}
