/**
 * Compares two result files row by row.
 *
 * The rule: r = median(B) / median(A) with its 95 % interval [low, high], of GPU times where both files have them and of
 * wall times otherwise, and a threshold t.
 *   slower     low > 1 + t
 *   faster     high < 1 / (1 + t)
 *   same       1 / (1 + t) <= low and high <= 1 + t
 *   ambiguous  anything else: the interval reaches over a bound, or there is none (fewer than four samples), so more
 *              samples or a quieter machine are needed; or the verdict is another when r is divided by the canary's own
 *              ratio, where that is more than 10 % from 1: the device was faster or slower, not necessarily the code
 *   broken     timed in A, and in B wrong, without a time, or lost with a device or a run that failed
 * Slower and broken rows are regressions, unless they are of another library.
 */
import { adapterLine, isPeerRow } from './figures.js';
import { formatSeconds, intervalText, threeDigits } from './format.js';
import { DEVICE_FAILED, INTERRUPTED, NOT_MEASURED } from './harness/result.js';
import type { BenchResult, Row } from './harness/schema.js';
import { median, ratioOfMedians, type Ratio } from '../src/timing/statistics.js';
import { noiseWarnings } from './noise.js';
import { columns } from './table.js';

/** What is said of a row: see the rule above; repaired is timed in B only, untimed in neither. */
export type Verdict = 'faster' | 'slower' | 'same' | 'ambiguous' | 'broken' | 'repaired' | 'untimed';

/** One row of both files. `ratio` is B's median time over A's (no unit), null where one of them has none. */
export interface ComparedRow {
  readonly id: string;
  readonly verdict: Verdict;
  readonly clock: 'gpu' | 'wall' | null;
  readonly ratio: Ratio | null;
  readonly note: string;
  /** True for a row of another library. */
  readonly peer: boolean;
}

/** Two files, row by row. */
export interface ComparedFiles {
  readonly rows: readonly ComparedRow[];
  /** Rows that only one of the files has. */
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
  /** What else differs, in words. */
  readonly remarks: readonly string[];
}

/** The verdict on an interval. */
export function verdictOf({ low, high }: Ratio, threshold: number): 'faster' | 'slower' | 'same' | 'ambiguous' {
  const bound = 1 + threshold;
  if (high === null) return 'ambiguous';
  if (low > bound) return 'slower';
  if (high < 1 / bound) return 'faster';
  return low >= 1 / bound && high <= bound ? 'same' : 'ambiguous';
}

/** The canary may take so many times as long in one file as in the other before it counts. */
const CANARY_RATIO = 1.1;

/** Seconds of one canary launch: beside a row, where its samples were kept, otherwise as it was calibrated; null where unknown. */
function canarySeconds({ canary }: BenchResult, row?: Row): number | null {
  if (!canary.repeats) return null;
  const beside = row?.hot?.canaries ?? [];
  return (beside.length > 0 ? median(beside) : canary.baseline) / canary.repeats;
}

/** The canary's time in B over that in A; 1 where it cannot be told, or is within 10 % of that. */
function deviceRatio(a: BenchResult, b: BenchResult, rowA?: Row, rowB?: Row): number {
  const [first, second] = [canarySeconds(a, rowA), canarySeconds(b, rowB)];
  // Adapters of different kinds sing different songs.
  if (!first || !second || a.environment.adapter.software !== b.environment.adapter.software) return 1;
  return Math.max(first / second, second / first) <= CANARY_RATIO ? 1 : second / first;
}

function compareRow(a: Row, b: Row, device: number, threshold: number): ComparedRow {
  const { id } = a;
  const peer = isPeerRow(a);
  const [timedA, timedB] = [a, b].map(({ status, hot }) => (status === 'timed' ? hot : null));
  if (!timedA || !timedB) {
    const verdict = timedA ? 'broken' : timedB ? 'repaired' : 'untimed';
    return { id, verdict, clock: null, ratio: null, note: (timedB ? a : b).note, peer };
  }
  const clock = timedA.gpu && timedB.gpu ? 'gpu' : 'wall';
  const of = ({ gpu, wall }: NonNullable<Row['hot']>): readonly number[] => (clock === 'gpu' && gpu ? gpu : wall);
  const ratio = ratioOfMedians(of(timedB), of(timedA));
  const verdict = verdictOf(ratio, threshold);
  const scaled = { ratio: ratio.ratio / device, low: ratio.low / device, high: ratio.high && ratio.high / device };
  if (verdict === verdictOf(scaled, threshold)) return { id, verdict, clock, ratio, note: '', peer };
  return { id, verdict: 'ambiguous', clock, ratio, note: `beside it the canary took ${threeDigits(device)}x as long: the device ran at another speed`, peer };
}

/** Libraries that both files measured in different versions. */
function peerRemarks(a: BenchResult, b: BenchResult): string[] {
  return a.peers.flatMap(({ name, version }) => {
    const other = b.peers.find((peer) => peer.name === name)?.version;
    return version && other && version !== other ? [`The version of ${name} differs: ${version} in A, ${other} in B.`] : [];
  });
}

/** Whether the device ran at the same speed, as far as the canary can tell, and whether it was quiet. */
function canaryRemarks(a: BenchResult, b: BenchResult): string[] {
  const speed = deviceRatio(a, b) === 1 ? [] : [`The device ran at another speed: the canary took ${formatSeconds(canarySeconds(a) ?? 0)} in A, ${formatSeconds(canarySeconds(b) ?? 0)} in B.`];
  return [...speed, ...[a, b].flatMap((result, at) => noiseWarnings(result).map((warning) => `${'AB'[at]}: ${warning}`))];
}

/** Groups that a Ctrl-C left out. */
function interruptedRemarks(result: BenchResult, name: string): string[] {
  const count = result.skipped.filter(({ why }) => why === NOT_MEASURED + INTERRUPTED).length;
  return count === 0 ? [] : [`${name} was interrupted: ${count} of its groups were not measured.`];
}

/** Why a result has no rows of a group, where a failure took them: the device's or the whole run's. */
function failuresOf({ skipped }: BenchResult): ReadonlyMap<string, string> {
  const failed = ({ why }: { why: string }): boolean => why.startsWith(DEVICE_FAILED) || (why.startsWith(NOT_MEASURED) && why !== NOT_MEASURED + INTERRUPTED);
  return new Map(skipped.filter(failed).map(({ what, why }) => [what, why]));
}

/** A row of A whose group was lost in B. */
function lostRow(a: Row, why: string): ComparedRow {
  return { id: a.id, verdict: a.status === 'timed' ? 'broken' : 'untimed', clock: null, ratio: null, note: why, peer: isPeerRow(a) };
}

function remarksOn(a: BenchResult, b: BenchResult): string[] {
  const differing = (what: string, left: string, right: string): string[] => (left === right ? [] : [`The ${what} differs: ${left} in A, ${right} in B.`]);
  return [
    ...differing('adapter', adapterLine(a), adapterLine(b)),
    ...differing('system', a.environment.system, b.environment.system),
    ...differing('runtime', a.environment.runtime, b.environment.runtime),
    ...differing('Dawn version', a.environment.dawn ?? "the browser's own", b.environment.dawn ?? "the browser's own"),
    ...differing('list of flags', a.environment.flags.join(' ') || 'none', b.environment.flags.join(' ') || 'none'),
    ...canaryRemarks(a, b),
    ...peerRemarks(a, b),
    ...interruptedRemarks(a, 'A'),
    ...interruptedRemarks(b, 'B'),
    ...[a, b].flatMap(({ environment }, at) => (environment.adapter.software ? [`${'AB'[at]} was measured on a software adapter.`] : [])),
  ];
}

/** @param threshold relative difference that matters, 0.05 for 5 % */
export function compareResults(a: BenchResult, b: BenchResult, threshold: number): ComparedFiles {
  const rowsOfB = new Map(b.rows.map((row) => [row.id, row]));
  const idsOfA = new Set(a.rows.map(({ id }) => id));
  const failures = failuresOf(b);
  return {
    rows: a.rows.flatMap((row) => {
      const other = rowsOfB.get(row.id);
      if (other) return [compareRow(row, other, deviceRatio(a, b, row, other), threshold)];
      const why = failures.get(row.group);
      return why === undefined ? [] : [lostRow(row, why)];
    }),
    onlyA: a.rows.flatMap(({ id, group }) => (rowsOfB.has(id) || failures.has(group) ? [] : [id])),
    onlyB: b.rows.flatMap(({ id }) => (idsOfA.has(id) ? [] : [id])),
    remarks: remarksOn(a, b),
  };
}

/** True for rows that make `compare` fail: those of other libraries never do. */
export function isRegression({ verdict, peer }: ComparedRow): boolean {
  return !peer && (verdict === 'slower' || verdict === 'broken');
}

/** The comparison as text. */
export function comparedLines({ rows, onlyA, onlyB, remarks }: ComparedFiles, threshold: number): string[] {
  const cells = rows.map(({ id, verdict, clock, ratio, note }) => [
    verdict,
    ratio ? `${threeDigits(ratio.ratio)}x` : '-',
    ratio ? intervalText(ratio) : '-',
    clock ?? '-',
    note ? `${id}: ${note}` : id,
  ]);
  const count = (verdict: Verdict): number => rows.filter((row) => row.verdict === verdict).length;
  const counts = (['faster', 'slower', 'same', 'ambiguous', 'broken', 'repaired', 'untimed'] as const).map((verdict) => `${count(verdict)} ${verdict}`).join(', ');
  const bound = `${threeDigits(100 * threshold)} %`;
  return [
    ...remarks,
    ...columns([['verdict', 'B / A', '95 % interval', 'clock', 'row'], ...cells]),
    ...onlyA.map((id) => `only in A: ${id}`),
    ...onlyB.map((id) => `only in B: ${id}`),
    '',
    `${counts}. A row is slower when the whole interval of B's median over A's is above 1 + ${bound}, faster when it is below 1 / (1 + ${bound}), ` +
      'the same when it is between the two, and ambiguous otherwise, or where only the device was faster or slower.',
  ];
}
