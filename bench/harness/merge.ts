/** Results of one device that were measured in pieces, put together; and results small enough to be kept in a repository. */
import { InputError } from '../../src/engine/errors.js';
import { DEVICE_FAILED, fitsOf, NOT_MEASURED } from './result.js';
import { addCounts } from './sampler.js';
import type { BenchResult, Row } from './schema.js';
import { median } from '../../src/timing/statistics.js';

/** True for the reason of a group that is not measured, although nothing kept it out: when it is measured after all, that counts. */
const isFailure = (why: string): boolean => why.startsWith(NOT_MEASURED) || why.startsWith(DEVICE_FAILED);

type Environment = BenchResult['environment'];

/** Ends the description of a peak that is the highest of those of several runs. */
export const OF_SEVERAL_RUNS = ', the highest of several runs';

/** What must be equal for two results to be one, in words. */
const SAME: readonly (readonly [what: string, of: (environment: Environment) => string])[] = [
  ['adapter', ({ adapter }) => Object.values(adapter).join(' ').trim()],
  ['commit', ({ commit }) => commit ?? 'not known'],
  ['list of flags', ({ flags }) => flags.join(' ') || 'none'],
  ['runtime', ({ runtime }) => runtime],
  ['system', ({ system }) => system],
];

/** Why results of two environments cannot be put together, in words; null when they can. */
export function differenceOf(earlier: Environment, later: Environment): string | null {
  const differing = SAME.flatMap(([what, of]) => (of(earlier) === of(later) ? [] : [`the ${what} was ${of(earlier)} and is ${of(later)}`]));
  return differing.length === 0 ? null : differing.join('; ');
}

/** Groups of rows that a result holds, and training figures with them. */
export function measuredGroups({ rows }: BenchResult): string[] {
  return [...new Set(rows.map(({ group }) => group))];
}

/**
 * The rows of both: of a group that both measured, the later ones. Peaks are the higher ones, timers and the canary's
 * band the later ones.
 * @param suite name of the whole
 * @throws {InputError} when adapter, commit, flags, runtime or system differ
 */
export function mergeResults(earlier: BenchResult, later: BenchResult, suite = later.suite): BenchResult {
  const difference = differenceOf(earlier.environment, later.environment);
  if (difference !== null) throw new InputError(`Two results cannot be put together, ${difference}: expected results of one device.`);
  const again = new Set(measuredGroups(later));
  const rows = [...earlier.rows.filter(({ group }) => !again.has(group)), ...later.rows];
  const ids = new Set(later.training.map(({ row }) => row));
  const known = new Set(rows.map(({ id }) => id));
  const measured = new Set(rows.map(({ group }) => group));
  const skipped = new Map([...earlier.skipped, ...later.skipped].map(({ what, why }) => [what, why]));
  for (const [what, why] of skipped) if (measured.has(what) && isFailure(why)) skipped.delete(what);
  const higher = (name: 'copy' | 'fma') => {
    const [a, b] = [earlier.peaks[name], later.peaks[name]];
    if (!a || !b) return a ?? b;
    const best = a.value > b.value ? a : b;
    return { ...best, how: best.how.endsWith(OF_SEVERAL_RUNS) ? best.how : best.how + OF_SEVERAL_RUNS };
  };
  return {
    ...later,
    suite,
    tuned: later.tuned ?? earlier.tuned,
    peaks: { copy: higher('copy'), fma: higher('fma') },
    canary: {
      ...later.canary,
      renewed: [...earlier.canary.renewed, ...later.canary.renewed],
      ...addCounts(earlier.canary, later.canary),
    },
    rows,
    comparisons: [...earlier.comparisons.filter(({ group }) => !again.has(group)), ...later.comparisons],
    peers: later.peers.length > 0 ? later.peers : earlier.peers,
    series: fitsOf(rows),
    training: [...earlier.training.filter(({ row }) => !ids.has(row)), ...later.training].filter(({ row }) => known.has(row)),
    skipped: Array.from(skipped, ([what, why]) => ({ what, why })),
    seconds: earlier.seconds + later.seconds,
  };
}

/** Digits of a sample that are kept: timers resolve no more. */
const DIGITS = 4;

const rounded = (values: readonly number[]): number[] => values.map((value) => Number(value.toPrecision(DIGITS)));

function trimmedRow(row: Row): Row {
  const { hot, cold } = row;
  return {
    ...row,
    // The canaries of a group stand in every row of it; which samples they cost is told by `discarded`. Their median stays:
    // `compare` tells by it whether the device ran at another speed.
    hot: hot && { ...hot, wall: rounded(hot.wall), gpu: hot.gpu && rounded(hot.gpu), canaries: hot.canaries.length > 0 ? rounded([median(hot.canaries)]) : [] },
    cold: cold && { ...cold, gpu: rounded(cold.gpu) },
  };
}

/** The same result with samples of four digits and one canary for each row, the median: a quarter of the bytes. */
export function trimmed(result: BenchResult): BenchResult {
  return {
    ...result,
    rows: result.rows.map(trimmedRow),
    training: result.training.map((step) => ({ ...step, encodePerDispatch: rounded(step.encodePerDispatch), ...(step.encodeAgainPerDispatch ? { encodeAgainPerDispatch: rounded(step.encodeAgainPerDispatch) } : {}), ...(step.submitPerDispatch ? { submitPerDispatch: rounded(step.submitPerDispatch) } : {}) })),
  };
}
