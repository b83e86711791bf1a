/**
 * How samples are taken: repeats grow until a sample is long enough for its timers, competitors take turns, a canary
 * runs between them, and sampling stops when the medians are known, or says why it gave up. Knows no device: times come
 * from functions, so that tests can bring a clock of their own.
 */
import type { Quanta, Timing } from '../../src/timing/device-timer.js';
import { relativeNotch, summarize } from '../../src/timing/statistics.js';

/** A sample is at least this many steps of its timer long: its rounding is below 1 %. */
export const QUANTA_PER_SAMPLE = 100;

/** More repeats would keep a CPU busy with encoding for minutes. */
const MAX_REPEATS = 1 << 20;
/** Repeats grow until a sample is so many times as long as it must be: the next ones may run on a faster device. */
const HEADROOM = 1.25;
/** What is added when repeats grow, for the same reason. */
export const SURPLUS = 1.2;

/** The length that a sample must have over the one that it has; more than 1 when either of its times is too short, Infinity when one reads 0. */
function missing({ wall, gpu }: Timing, quanta: Quanta): number {
  const over = (time: number | null, quantum: number | null): number => (time === null || quantum === null || quantum === 0 ? 0 : (QUANTA_PER_SAMPLE * quantum) / time);
  return Math.max(over(wall, quanta.wall), over(gpu, quanta.gpu));
}

/** True when both times of a sample are long enough to be told. */
export function isLongEnough(timing: Timing, quanta: Quanta): boolean {
  return missing(timing, quanta) <= 1;
}

/** Repeats for a longer sample after one that was so many times too short. */
function moreRepeats(repeats: number, times: number): number {
  return Math.min(MAX_REPEATS, Math.ceil(repeats * Math.min(32, Math.max(1.5, SURPLUS * HEADROOM * times))));
}

/** What growing found. */
export interface Growth {
  readonly repeats: number;
  /** False when even the last number of repeats was too short (or `seconds` ran out): nothing may be shown then. */
  readonly longEnough: boolean;
  readonly last: Timing;
}

/**
 * Repeats for which a sample is long enough, and a quarter more; the tries are the warm-up. The step up follows from what
 * is missing, at most 32-fold: the first tries run cold and look longer than they are. The final number is confirmed by
 * two samples; `sampleInTurns` looks at every one of its own again.
 * @param seconds to spend at most
 */
export async function growRepeats(sample: (repeats: number) => Promise<Timing>, quanta: Quanta, now: () => number, seconds: number): Promise<Growth> {
  const end = now() + seconds;
  let repeats = 1;
  let confirmed = 0;
  for (;;) {
    const last = await sample(repeats);
    const times = missing(last, quanta);
    if (HEADROOM * times <= 1) {
      confirmed += 1;
      // One run that outlasts the time limit needs no second one to be believed long.
      if (confirmed === 2 || now() >= end) return { repeats, longEnough: true, last };
      continue;
    }
    confirmed = 0;
    if (repeats >= MAX_REPEATS || now() >= end) return { repeats, longEnough: times <= 1, last };
    repeats = moreRepeats(repeats, times);
  }
}

/** The canary's normal time and how far from it is still normal. */
export interface CanaryBand {
  readonly baseline: number;
  /** Relative half-width. */
  readonly tolerance: number;
}

/** Below this relative distance nothing is told about the device; timers and schedulers do as much by themselves. */
const SMALLEST_TOLERANCE = 0.1;
/** A wider band would let anything pass: on a device this busy most samples are discarded, and the file says so. */
const LARGEST_TOLERANCE = 0.5;

/** The band of calibration samples: their median, and three interquartile ranges to either side, within 10 % and 50 %. */
export function canaryBand(samples: readonly number[]): CanaryBand {
  const { median, q1, q3 } = summarize(samples);
  return { baseline: median, tolerance: Math.min(LARGEST_TOLERANCE, Math.max(SMALLEST_TOLERANCE, (3 * (q3 - q1)) / median)) };
}

/** True when a canary sample shows a throttled or busy device (or one that has become faster: neither is the same device). */
export function isOutOfBand(value: number, { baseline, tolerance }: CanaryBand): boolean {
  return Math.abs(value - baseline) > tolerance * baseline;
}

/** Canary samples of a group, or of a whole run. */
export interface CanaryCount {
  readonly of: number;
  readonly outOfBand: number;
  /** Samples beside those out of band, which were thrown away. */
  readonly discarded: number;
}

/** Counts of two in one. */
export function addCounts(one: CanaryCount, other: CanaryCount): CanaryCount {
  return { of: one.of + other.of, outOfBand: one.outOfBand + other.outOfBand, discarded: one.discarded + other.discarded };
}

/** @param canaries seconds of each */
export function countCanaries(canaries: readonly number[], band: CanaryBand, competitors: readonly Pick<Collected, 'discarded'>[]): CanaryCount {
  return {
    of: canaries.length,
    outOfBand: canaries.filter((value) => isOutOfBand(value, band)).length,
    discarded: competitors.reduce((sum, { discarded }) => sum + discarded, 0),
  };
}

/** Nothing sang. */
export const NO_CANARIES: CanaryCount = { of: 0, outOfBand: 0, discarded: 0 };

/** Of samples that each ran between canaries[i] and canaries[i + 1]: whether it is kept, both being in band. */
export function keptBetween(canaries: readonly number[], samples: number, band: CanaryBand): boolean[] {
  return Array.from({ length: samples }, (_, at) => !isOutOfBand(canaries[at], band) && !isOutOfBand(canaries[at + 1], band));
}

/** Fewer samples than this give no figure. */
export const FEWEST_SAMPLES = 3;

/** When to stop. */
export interface StopRule {
  /** Kept samples of each competitor at least. */
  readonly minimum: number;
  /** Rounds at most: beyond them the samples are called noisy. */
  readonly maximum: number;
  /** Relative half-width of the median's interval that counts as known. */
  readonly precision: number;
  /** Seconds for the whole group; while one of it has too few samples for a figure, `PATIENCE` times as long. */
  readonly seconds: number;
}

/** A busy moment may take every sample of a slow row: going on costs less than a row without a figure. */
const PATIENCE = 3;
/** Who has had so many times the time of another sits out until the others have had theirs: a slow one would take it all. */
const FAIR_SHARE = 4;

/** Why sampling ended: the medians are known, the rounds are over, or the time is. */
export type Stop = 'settled' | 'noise' | 'timeout';

/** Samples of one competitor, in seconds per repeat. */
export interface Collected {
  readonly wall: readonly number[];
  readonly gpu: readonly number[] | null;
  /** Repeats in each of these samples. */
  readonly repeats: number;
  /** Samples that a canary out of band stood beside; they are in neither list. */
  readonly discarded: number;
  /** Samples dropped because they, or others of as many repeats, were too short for their timers; in neither list. */
  readonly short: number;
}

/** All samples of a group. */
export interface Collection {
  readonly competitors: readonly Collected[];
  readonly canaries: readonly number[];
  readonly stop: Stop;
}

/** What is sampled. */
export interface Competitor {
  /** In the first sample; more where samples turn out too short. */
  readonly repeats: number;
  /** Takes one sample. */
  sample(repeats: number): Promise<Timing>;
}

/** A sample, and the place of the canary before it. */
interface Taken {
  readonly timing: Timing;
  readonly after: number;
}

/** A competitor's state: `taken` are samples of `repeats` repeats. */
interface Sampled {
  repeats: number;
  taken: Taken[];
  short: number;
  /** Seconds that all of its samples took. */
  spent: number;
}

/**
 * Takes a sample in. When it is too short for a timer, all of as many repeats are dropped, the longer ones too: what is
 * left would be a choice of the slow ones. Repeats grow then, so samples that are kept all have the same number.
 * @returns whether it was long enough
 */
function take(own: Sampled, sample: Taken, quanta: Quanta): boolean {
  const times = missing(sample.timing, quanta);
  own.taken.push(sample);
  if (times <= 1) return true;
  own.short += own.taken.length;
  own.taken = [];
  own.repeats = moreRepeats(own.repeats, times);
  return false;
}

function collected({ taken, repeats, short }: Sampled, kept: readonly boolean[]): Collected {
  const good = taken.filter(({ after }) => kept[after]).map(({ timing }) => timing);
  return {
    wall: good.map(({ wall }) => wall / repeats),
    gpu: taken.some(({ timing }) => timing.gpu === null) ? null : good.map(({ gpu }) => (gpu as number) / repeats),
    repeats,
    discarded: taken.length - good.length,
    short,
  };
}

/** Why a competitor has too few samples, in words. */
export function fewText({ wall, discarded, short }: Collected, stop: Stop): string {
  const dropped = short > 0 ? `${short} too short for the timer, ` : '';
  return `only ${wall.length} samples were left (${dropped}${discarded} discarded beside the canary, stopped by ${stop}), so there is no time`;
}

/** The samples that a verdict rests on: device time where there is any. */
export function decisive({ gpu, wall }: Pick<Collected, 'gpu' | 'wall'>): readonly number[] {
  return gpu ?? wall;
}

/**
 * Samples competitors in turns (A B C A B C ...) with a canary before, between and after all of them. One whose samples
 * take much longer than the others' takes part in fewer rounds.
 * @param quanta steps of the timers: no sample that is kept is shorter than 100 of them
 * @param canary seconds of one canary sample
 */
export async function sampleInTurns(
  competitors: readonly Competitor[],
  quanta: Quanta,
  canary: () => Promise<number>,
  band: CanaryBand,
  rule: StopRule,
  now: () => number,
): Promise<Collection> {
  const start = now();
  const canaries = [await canary()];
  const sampled: Sampled[] = competitors.map(({ repeats }) => ({ repeats, taken: [], short: 0, spent: 0 }));
  const collect = (): Collected[] => {
    const kept = keptBetween(canaries, canaries.length - 1, band);
    return sampled.map((own) => collected(own, kept));
  };
  const isFew = ({ wall }: Collected): boolean => wall.length < FEWEST_SAMPLES;
  let sofar = collect();
  let late = false;
  let lost = 0;
  for (let round = 1; ; round++) {
    const least = Math.min(...sampled.map(({ spent }) => spent));
    const turns = sampled.map(({ spent }, at) => spent <= FAIR_SHARE * least || (late && isFew(sofar[at])));
    for (const [at, own] of sampled.entries()) {
      if (!turns[at]) continue;
      const begun = now();
      const timing = await competitors[at].sample(own.repeats);
      own.spent += now() - begun;
      const longEnough = take(own, { timing, after: canaries.length - 1 }, quanta);
      canaries.push(await canary());
      if (longEnough) continue;
      // Who begins anew needs as many rounds as before, and the time of those that were lost, up to once the whole.
      round = 1;
      lost = Math.min(now() - start, rule.seconds);
    }
    sofar = collect();
    const end = (stop: Stop): Collection => ({ competitors: sofar, canaries, stop });
    const settled = sofar.every((own) => {
      const values = decisive(own);
      return values.length >= rule.minimum && relativeNotch(summarize(values)) <= rule.precision;
    });
    if (settled) return end('settled');
    const elapsed = now() - start - lost;
    late = elapsed >= rule.seconds || round >= rule.maximum;
    if (!late || (sofar.some(isFew) && elapsed < PATIENCE * rule.seconds)) continue;
    return end(elapsed >= rule.seconds ? 'timeout' : 'noise');
  }
}
