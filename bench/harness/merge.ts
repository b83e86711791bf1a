/** Results of one device that were measured in pieces, put together; and results small enough to be kept in a repository. */
import { InputError } from '../../src/engine/errors.js';
import { fitsOf, NOT_MEASURED } from './result.js';
import type { BenchResult, Row } from './schema.js';

/** What must be equal for two results to be one. */
function sameDevice({ environment: { adapter, commit, flags, runtime, system } }: BenchResult): string {
  return JSON.stringify([adapter, commit, flags, runtime, system]);
}

/** Groups of rows that a result holds, and training figures with them. */
export function measuredGroups({ rows }: BenchResult): string[] {
  return [...new Set(rows.map(({ group }) => group))];
}

/**
 * The rows of both: of a group that both measured, the later ones. Peaks are the higher ones, timers and the canary's
 * band the later ones.
 * @param suite name of the whole
 * @throws {InputError} when adapter, commit or flags differ
 */
export function mergeResults(earlier: BenchResult, later: BenchResult, suite = later.suite): BenchResult {
  if (sameDevice(earlier) !== sameDevice(later)) {
    throw new InputError('The two results are of different adapters, commits or flags: expected results of one device to be put together.');
  }
  const again = new Set(measuredGroups(later));
  const rows = [...earlier.rows.filter(({ group }) => !again.has(group)), ...later.rows];
  const ids = new Set(later.training.map(({ row }) => row));
  const known = new Set(rows.map(({ id }) => id));
  const measured = new Set(rows.map(({ group }) => group));
  const skipped = new Map([...earlier.skipped, ...later.skipped].map(({ what, why }) => [what, why]));
  for (const [what, why] of skipped) if (measured.has(what) && why.startsWith(NOT_MEASURED)) skipped.delete(what);
  const higher = (name: 'copy' | 'fma') => {
    const [a, b] = [earlier.peaks[name], later.peaks[name]];
    return a && b ? (a.value > b.value ? a : b) : (a ?? b);
  };
  return {
    ...later,
    suite,
    tuned: later.tuned ?? earlier.tuned,
    peaks: { copy: higher('copy'), fma: higher('fma') },
    canary: {
      ...later.canary,
      renewed: [...earlier.canary.renewed, ...later.canary.renewed],
      outOfBand: earlier.canary.outOfBand + later.canary.outOfBand,
      of: earlier.canary.of + later.canary.of,
      discarded: rows.reduce((sum, { hot }) => sum + (hot?.discarded ?? 0), 0),
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
    // The canaries of a group stand in every row of it; which samples they cost is told by `discarded`.
    hot: hot && { ...hot, wall: rounded(hot.wall), gpu: hot.gpu && rounded(hot.gpu), canaries: [] },
    cold: cold && { ...cold, gpu: rounded(cold.gpu) },
  };
}

/** The same result with samples of four digits and without the canaries' own: a quarter of the bytes. */
export function trimmed(result: BenchResult): BenchResult {
  return {
    ...result,
    rows: result.rows.map(trimmedRow),
    training: result.training.map((step) => ({ ...step, encodePerDispatch: rounded(step.encodePerDispatch), ...(step.encodeAgainPerDispatch ? { encodeAgainPerDispatch: rounded(step.encodeAgainPerDispatch) } : {}), ...(step.submitPerDispatch ? { submitPerDispatch: rounded(step.submitPerDispatch) } : {}) })),
  };
}
