/** How Zygo is judged beside other libraries: against the fastest of them, and against a bar that was set beforehand. */
import { isBelow } from '../../src/timing/statistics.js';
import type { BenchResult, Comparison, Row } from '../harness/schema.js';

/** How many times as long as Zygo the best library must take. */
interface Bar {
  readonly software: number;
  readonly gpu: number;
}

const DENSE: Bar = { software: 1, gpu: 1.3 };
const FUSED: Bar = { software: 2, gpu: 2 };

/** Ops without a bar are shown as they are. */
const BARS: Readonly<Record<string, Bar>> = { matmul: DENSE, linear: DENSE, windowAttention: FUSED, sinkhorn: FUSED, 'training step': FUSED };

/**
 * met: the whole interval of the ratio is at or above the bar; missed: the whole of it is below; unclear: it reaches
 * over the bar; no bar: none was set; no peer: no library has a right and timed result; no time: Zygo has none.
 */
export type BarVerdict = 'met' | 'missed' | 'unclear' | 'no bar' | 'no peer' | 'no time';

/** One race as it is told. */
export interface RaceVerdict {
  readonly race: string;
  readonly rows: readonly Row[];
  /** The fastest library's row; null without one. */
  readonly best: Row | null;
  /** Its time over Zygo's. */
  readonly comparison: Comparison | null;
  readonly bar: number | null;
  readonly verdict: BarVerdict;
}

/** @param software whether the adapter runs on the CPU */
export function barOf(op: string, software: boolean): number | null {
  const bar = BARS[op];
  if (!bar) return null;
  return software ? bar.software : bar.gpu;
}

function judge(comparison: Comparison, bar: number | null): BarVerdict {
  if (bar === null) return 'no bar';
  if (comparison.low >= bar) return 'met';
  return isBelow(comparison, bar) ? 'missed' : 'unclear';
}

/** The races of a result in order. */
export function raceVerdicts(result: Pick<BenchResult, 'rows' | 'comparisons' | 'environment'>): RaceVerdict[] {
  const races = new Map<string, Row[]>();
  for (const row of result.rows) if (row.section === 'peers') races.set(row.group, [...(races.get(row.group) ?? []), row]);
  return [...races].map(([race, rows]) => {
    const bar = barOf(rows[0].op, result.environment.adapter.software);
    const rivals = rows.filter(({ implementation, summary }) => implementation !== 'zygo' && summary !== null);
    const [best = null] = rivals.sort((a, b) => (a.summary?.wall.median ?? 0) - (b.summary?.wall.median ?? 0));
    const comparison = result.comparisons.find(({ group, above }) => group === race && above === best?.id) ?? null;
    const timed = rows.some(({ implementation, summary }) => implementation === 'zygo' && summary !== null);
    const verdict = !timed ? 'no time' : comparison ? judge(comparison, bar) : 'no peer';
    return { race, rows, best, comparison, bar, verdict };
  });
}

/** "7 met, 1 missed". */
export function verdictCounts(verdicts: readonly RaceVerdict[]): string {
  const kinds: readonly BarVerdict[] = ['met', 'missed', 'unclear', 'no bar', 'no peer', 'no time'];
  return kinds.flatMap((kind) => {
    const count = verdicts.filter(({ verdict }) => verdict === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  }).join(', ');
}
