/** What tables and reports say about a row, from what the file holds. */
import { formatSeconds } from './format.js';
import type { BenchResult, Row } from './harness/schema.js';

/** The samples that stand for a row: GPU time where it was measured. */
export function timeOf({ summary }: Row): { readonly clock: 'gpu' | 'wall'; readonly median: number; readonly q1: number; readonly q3: number; readonly n: number } | null {
  if (!summary) return null;
  return summary.gpu ? { clock: 'gpu', ...summary.gpu } : { clock: 'wall', ...summary.wall };
}

/** Samples of a row that were taken and not kept: a canary beside them was out of its band, or they were too short for the timer. */
export function droppedOf({ hot }: Pick<Row, 'hot'>): number {
  return hot ? hot.discarded + hot.short : 0;
}

/**
 * What is shown of a time that was taken once, such as a first run: "< 25 ms" where it is too short for the wall timer.
 * @param seconds null where it was not taken
 */
export function onceText(seconds: number | null | undefined, { resolution }: Pick<Row, 'resolution'>, { wallQuantum, quantaPerSample }: BenchResult['timer']): string | null {
  if (seconds === null || seconds === undefined) return null;
  const shortest = resolution ?? quantaPerSample * wallQuantum;
  return seconds < shortest ? `< ${formatSeconds(shortest)}` : formatSeconds(seconds);
}

/** Samples of all rows that were too short for the timer, and taken again with more repeats. */
export function shortSamples({ rows }: Pick<BenchResult, 'rows'>): number {
  return rows.reduce((sum, { hot }) => sum + (hot?.short ?? 0), 0);
}

/** Rates of a row, and their shares of the peaks that the same run measured; shares are not cut at 1. */
export interface Rates {
  readonly flopsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** Of multiply-adds in f32, the only ones whose peak is measured; null as well where products run in subgroup matrices. */
  readonly ofFma: number | null;
  readonly ofCopy: number | null;
}

/** What `ofFma` is a share of, in the words of tables and captions. */
export const FMA_SHARE_TEXT =
  'Shares of arithmetic are of the peak of f32 multiply-adds, whatever a row multiplies: f16 products that a device multiplies faster may stand above 100 %. ' +
  'Products in subgroup matrices run in another unit, whose peak is not measured, and have no share.';

/** True where some product of a row ran in subgroup matrices (tensor cores on a GPU that has them), not in multiply-adds. */
export function usesMatrices({ variant, choices }: Pick<Row, 'variant' | 'choices'>): boolean {
  return variant.split(' ').includes('matmul-f16=matrix') || choices.some((choice) => choice.family === 'matmul-f16' && choice.variant === 'matrix');
}

/** Null where the row has no time, or its kernels state no such work. */
export function ratesOf(row: Row, { fma, copy }: BenchResult['peaks']): Rates {
  const time = timeOf(row);
  const rate = (work: number): number | null => (time && work > 0 && time.median > 0 ? work / time.median : null);
  const [flopsPerSecond, bytesPerSecond] = [rate(row.flops), rate(row.bytes)];
  return {
    flopsPerSecond,
    bytesPerSecond,
    ofFma: flopsPerSecond !== null && fma && !usesMatrices(row) ? flopsPerSecond / fma.value : null,
    ofCopy: bytesPerSecond !== null && copy ? bytesPerSecond / copy.value : null,
  };
}

/** The adapter in one line, with a plain word when it is software. */
export function adapterLine({ environment: { adapter } }: Pick<BenchResult, 'environment'>): string {
  const name = [adapter.description, adapter.device, adapter.architecture, adapter.vendor].find((part) => part.trim() !== '') ?? 'unnamed adapter';
  return adapter.software ? `${name} (SOFTWARE adapter: runs on the CPU)` : name;
}

/** What stands beside a table's heading when the adapter is software; empty for a GPU. */
export function softwareMark({ environment: { adapter } }: Pick<BenchResult, 'environment'>): string {
  return adapter.software ? ' (software adapter)' : '';
}

/** True for rows of other libraries: what they do wrong, or slower than before, is no fault of Zygo's. */
export function isPeerRow({ section, implementation }: Pick<Row, 'section' | 'implementation'>): boolean {
  return section === 'peers' && implementation !== 'zygo';
}
