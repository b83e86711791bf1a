/** Rows of two results that measured the same thing, whatever measured it: by op, shape and pass. */
import { timeOf } from './figures.js';
import type { BenchResult, Row } from './harness/schema.js';

/** The same work in both files. */
export interface RowPair {
  /** The fastest timed row of the first file's own implementation. */
  readonly own: Row;
  readonly other: Row;
}

const workOf = ({ op, shape, pass, model }: Row): string => (op.startsWith('training step') ? `${op} | ${model} | ${shape}` : `${op} | ${shape} | ${pass}`);

/** The fastest timed row of each piece of work. */
function fastest(rows: readonly Row[]): Map<string, Row> {
  const found = new Map<string, Row>();
  for (const row of rows) {
    const time = timeOf(row);
    const before = found.get(workOf(row));
    if (time && (!before || time.median < (timeOf(before)?.median ?? Infinity))) found.set(workOf(row), row);
  }
  return found;
}

/** Pairs of rows with a time, in the order of the second file. */
export function pairedRows(own: BenchResult, other: BenchResult): RowPair[] {
  const mine = fastest(own.rows.filter(({ implementation }) => implementation === 'zygo'));
  return [...fastest(other.rows)].flatMap(([work, row]) => {
    const found = mine.get(work);
    return found ? [{ own: found, other: row }] : [];
  });
}
