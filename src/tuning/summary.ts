/** What tuning came to, in numbers that a person can read. */
import { gainOf } from './decide.js';
import type { TuningRecord } from './record.js';

/** A choice that beat its rule. */
export interface TunedGain {
  readonly family: string;
  readonly problem: string;
  readonly winner: string;
  readonly rule: string;
  /** How many times as fast as the rule's variant; null where that has no time. */
  readonly gain: number | null;
}

/** Plain data: it goes from a Worker to its page. */
export interface TuningSummary {
  /** Problems with a stored choice. */
  readonly choices: number;
  /** Those in which another variant than the rule's won, the largest gain first. */
  readonly gains: readonly TunedGain[];
  /** ISO date and time of the latest measurement. */
  readonly date: string;
}

/** The summary of some records; null when there are none. */
export function summaryOf(records: readonly TuningRecord[]): TuningSummary | null {
  if (records.length === 0) return null;
  const gains = records
    .filter(({ rule, winner }) => rule !== winner)
    .map(({ family, problem, rule, winner, candidates }) => ({ family, problem, winner, rule, gain: gainOf(candidates, rule, winner) }))
    .sort((a, b) => (b.gain ?? Infinity) - (a.gain ?? Infinity));
  return { choices: records.length, gains, date: records.reduce((latest, { date }) => (date > latest ? date : latest), '') };
}

/** Records of both, the later ones where both have a problem, in a fixed order. */
export function mergedRecords(before: readonly TuningRecord[], after: readonly TuningRecord[]): TuningRecord[] {
  const byKey = new Map([...before, ...after].map((record) => [`${record.family} ${record.problem}`, record]));
  return [...byKey.keys()].sort().map((key) => byKey.get(key) as TuningRecord);
}
