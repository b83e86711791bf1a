/**
 * How Zygo is judged beside other libraries: against the fastest of all their contestants (a library may have several in a
 * race, one for each form of the op), and against a bar that was set beforehand.
 */
import { isBelow } from '../../src/timing/statistics.js';
import { threeDigits } from '../format.js';
import type { BenchResult, Comparison, Row } from '../harness/schema.js';

/** How many times as long as Zygo the fastest other contestant must take. */
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

/** Another library's part in a race, in one of its forms. */
export interface Other {
  readonly row: Row;
  /** Its time over Zygo's; null where one of the two has none. */
  readonly comparison: Comparison | null;
}

/** One race as it is told. */
export interface RaceVerdict {
  readonly race: string;
  readonly rows: readonly Row[];
  /** All contestants but Zygo, the fastest first, those without a time last. */
  readonly others: readonly Other[];
  /** The fastest of them, which Zygo is judged against; null when none has a time. */
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

/** Without a time a row stands behind all others. */
const timeOf = ({ row }: Other): number => row.summary?.wall.median ?? Infinity;

/** The races of a result in order. */
export function raceVerdicts(result: Pick<BenchResult, 'rows' | 'comparisons' | 'environment'>): RaceVerdict[] {
  const races = new Map<string, Row[]>();
  for (const row of result.rows) if (row.section === 'peers') races.set(row.group, [...(races.get(row.group) ?? []), row]);
  return [...races].map(([race, rows]) => {
    const bar = barOf(rows[0].op, result.environment.adapter.software);
    const others = rows
      .filter(({ implementation }) => implementation !== 'zygo')
      .map((row) => ({ row, comparison: result.comparisons.find(({ group, above }) => group === race && above === row.id) ?? null }))
      .sort((a, b) => timeOf(a) - timeOf(b) || 0);
    const [first] = others;
    const best = first && first.row.summary ? first.row : null;
    const comparison = best && first.comparison;
    const timed = rows.some(({ implementation, summary }) => implementation === 'zygo' && summary !== null);
    const verdict = !timed ? 'no time' : comparison ? judge(comparison, bar) : 'no peer';
    return { race, rows, others, best, comparison, bar, verdict };
  });
}

/** Why a contestant has no ratio; its own card says more. "timed" stands beside a Zygo without a time. */
const WITHOUT_RATIO: Readonly<Record<Row['status'], string>> = {
  timed: 'timed',
  wrong: 'wrong',
  short: 'too short to be timed',
  few: 'too slow or too noisy to be timed',
  failed: 'failed',
};

/** Every contestant but Zygo with its time over Zygo's, the one that was judged first: "jax-js 3.1x (judged); tfjs 9x; other: wrong". */
export function othersText({ others, best }: RaceVerdict): string {
  return others
    .map(({ row, comparison }) => `${row.implementation}${comparison ? ` ${threeDigits(comparison.ratio)}x` : `: ${WITHOUT_RATIO[row.status]}`}${row === best ? ' (judged)' : ''}`)
    .join('; ');
}

/** "7 met, 1 missed". */
export function verdictCounts(verdicts: readonly RaceVerdict[]): string {
  const kinds: readonly BarVerdict[] = ['met', 'missed', 'unclear', 'no bar', 'no peer', 'no time'];
  return kinds.flatMap((kind) => {
    const count = verdicts.filter(({ verdict }) => verdict === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  }).join(', ');
}
