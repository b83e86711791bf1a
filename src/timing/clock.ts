/** Smallest steps of the timers, probed on the machine at the start of every run. */
import { median } from './statistics.js';

/** Changes of the clock that are looked at, and readings after which a clock that stands still is given up. */
const CHANGES = 200;
const MAX_READINGS = 5_000_000;

/**
 * Smallest step between two different readings of a clock, in the clock's unit. A fine clock shows the cost of reading
 * it, which is as much as can be told with it.
 * @param now the clock
 */
export function probeClock(now: () => number): number {
  let smallest = Infinity;
  let before = now();
  for (let changes = 0, readings = 0; changes < CHANGES && readings < MAX_READINGS; readings++) {
    const after = now();
    if (after <= before) continue;
    smallest = Math.min(smallest, after - before);
    before = after;
    changes += 1;
  }
  return smallest;
}

/** Smallest positive step between any two of the readings; Infinity when all are equal. */
export function smallestStep(readings: readonly bigint[]): number {
  const sorted = [...readings].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  let smallest = Infinity;
  for (let at = 1; at < sorted.length; at++) {
    const step = Number(sorted[at] - sorted[at - 1]);
    if (step > 0) smallest = Math.min(smallest, step);
  }
  return smallest;
}

/**
 * What the timestamps at the ends of passes can tell: their smallest step, or the median time from one end to the next
 * where that is longer. Infinity when all are equal.
 */
export function timestampStep(ends: readonly bigint[]): number {
  return Math.max(smallestStep(ends), median(ends.slice(1).map((end, at) => Number(end - ends[at]))));
}

/** Round trips to the device that are timed. */
const ROUND_TRIPS = 31;

/**
 * Median time of a round trip to the device with nothing to do: a wall-clock time cannot tell work that is shorter.
 * @param trip submits nothing of weight and waits for it
 */
export async function probeRoundTrip(trip: () => Promise<void>, now: () => number): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < ROUND_TRIPS; at++) {
    const start = now();
    await trip();
    times.push(now() - start);
  }
  return median(times);
}
