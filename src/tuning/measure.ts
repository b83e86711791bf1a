/** Times candidates against each other. The timer is given, so that tests can bring a clock of their own. */
import { median } from '../timing/statistics.js';

/** Times runs of something. */
export interface Timer<Subject> {
  /** Smallest step of this timer in nanoseconds. */
  readonly quantum: number;
  readonly clock: 'gpu' | 'wall';
  /**
   * Nanoseconds that `repeats` runs take, one after the other, hot.
   * @param expected nanoseconds of one run as far as known, 0 where not: submissions are kept short by it
   */
  time(subject: Subject, repeats: number, expected: number): Promise<number>;
}

/** Samples of one candidate. */
export interface Samples {
  /** Nanoseconds of one run, a number per sample. */
  readonly nanoseconds: readonly number[];
  /** Runs in each sample. */
  readonly repeats: number;
  readonly note: string;
}

/** A sample is at least this many steps of the timer ... */
const LEAST_QUANTA = 100;
/** ... and at least this long, so that one interruption is not all of it. */
const LEAST_NANOSECONDS = 1e6;
/** Runs of a sample at most: where they are not enough, the timer cannot time this. */
const MOST_REPEATS = 20_000;
/** Samples of a candidate that stays in the race. */
const ROUNDS = 9;
/** Samples before a candidate may be left behind. */
const FIRST_ROUNDS = 3;
/** Left behind when its best is this many times the leader's median. */
const BEHIND = 1.5;
/** Not even sampled when one run takes this many times the leader's. */
const FAR_BEHIND = 8;

interface Entry<Subject> {
  readonly variant: string;
  readonly subject: Subject;
  repeats: number;
  /** Nanoseconds of one run, as the last sample saw it. */
  expected: number;
  readonly nanoseconds: number[];
  racing: boolean;
  note: string;
}

/** The shorter of two tries: one may have been interrupted, and would pass for long enough. */
async function twice<Subject>(timer: Timer<Subject>, { subject, repeats, expected }: Entry<Subject>): Promise<number> {
  const first = await timer.time(subject, repeats, expected);
  return Math.min(first, await timer.time(subject, repeats, expected));
}

/** Grows the repeats of a sample until it is long enough. Candidates that are far behind keep the one time they have. */
async function calibrate<Subject>(timer: Timer<Subject>, entries: Entry<Subject>[], keep: string): Promise<void> {
  const goal = Math.max(LEAST_QUANTA * timer.quantum, LEAST_NANOSECONDS);
  let leader = Infinity;
  for (const entry of entries) {
    let taken = await timer.time(entry.subject, 1, 0);
    // The first run may compile and touch things; it counts only for what is hopeless anyway.
    if (taken <= FAR_BEHIND * leader || entry.variant === keep) taken = await twice(timer, entry);
    // One run below the timer's reach says nothing about who is ahead.
    if (taken >= goal && taken > FAR_BEHIND * leader && entry.variant !== keep) {
      entry.nanoseconds.push(taken);
      entry.racing = false;
      entry.note = 'far slower: timed once';
      continue;
    }
    while (taken < goal && entry.repeats < MOST_REPEATS) {
      const wanted = Math.ceil((1.2 * entry.repeats * goal) / Math.max(taken, timer.quantum, 1));
      entry.expected = taken / entry.repeats;
      entry.repeats = Math.min(MOST_REPEATS, Math.max(2 * entry.repeats, Math.min(wanted, 16 * entry.repeats)));
      taken = await twice(timer, entry);
    }
    entry.expected = taken / entry.repeats;
    if (taken < LEAST_QUANTA * timer.quantum) {
      entry.racing = false;
      entry.note = `${entry.repeats} runs are too short for this timer`;
      continue;
    }
    leader = Math.min(leader, entry.expected);
  }
}

/**
 * Samples of every candidate, taken in turns (there and back again), so that what changes on the machine meanwhile
 * changes for all of them.
 * @param candidates by variant
 * @param keep the variant that is never left behind: the rule's, which the winner is compared with
 */
export async function measure<Subject>(timer: Timer<Subject>, candidates: ReadonlyMap<string, Subject>, keep: string): Promise<Map<string, Samples>> {
  const entries = Array.from(
    candidates,
    ([variant, subject]): Entry<Subject> => ({ variant, subject, repeats: 1, expected: 0, nanoseconds: [], racing: true, note: '' }),
  );
  // The rule's variant first: it is a good guess at the leader.
  entries.sort((a, b) => Number(b.variant === keep) - Number(a.variant === keep));
  await calibrate(timer, entries, keep);
  for (let round = 0; round < ROUNDS; round++) {
    const racing = entries.filter((entry) => entry.racing);
    if (round % 2 === 1) racing.reverse();
    for (const entry of racing) {
      entry.expected = (await timer.time(entry.subject, entry.repeats, entry.expected)) / entry.repeats;
      entry.nanoseconds.push(entry.expected);
    }
    if (round + 1 !== FIRST_ROUNDS) continue;
    const leader = Math.min(...racing.map(({ nanoseconds }) => median(nanoseconds)));
    for (const entry of racing) {
      if (entry.variant === keep || Math.min(...entry.nanoseconds) <= BEHIND * leader) continue;
      entry.racing = false;
      entry.note = `slower: ${FIRST_ROUNDS} samples`;
    }
  }
  return new Map(entries.map(({ variant, nanoseconds, repeats, note }) => [variant, { nanoseconds, repeats, note }]));
}
