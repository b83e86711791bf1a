/** Rows of two results that measured the same thing, whatever measured it: by op, shape and pass. */
import { timeOf } from './figures.js';
import { formatSeconds, threeDigits } from './format.js';
import type { BenchResult, Row } from './harness/schema.js';

/** Zygo's row of a piece of work: what a user gets. */
export interface OwnRow {
  /** Of the rules' choices; the fastest one where no such row was timed. */
  readonly row: Row;
  /** False where `row` is a variant that the rules would not choose. */
  readonly byRules: boolean;
  /** The fastest timed row of the same work, where that is another variant. */
  readonly faster: Row | null;
}

/** The same work in both files. */
export interface RowPair {
  readonly own: OwnRow;
  readonly other: Row;
}

const workOf = ({ op, shape, pass, model }: Row): string => (op.startsWith('training step') ? `${op} | ${model} | ${shape}` : `${op} | ${shape} | ${pass}`);

const seconds = (row: Row): number => timeOf(row)?.median ?? Infinity;

function fastestOf(rows: readonly Row[]): Row {
  return rows.reduce((best, row) => (seconds(row) < seconds(best) ? row : best));
}

/** Timed rows by the work that they do. */
function byWork(rows: readonly Row[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const row of rows) if (timeOf(row)) found.set(workOf(row), [...(found.get(workOf(row)) ?? []), row]);
  return found;
}

/** True for a row of which nothing was forced or stored, and for the rung of a ladder that is the rules' choice itself. */
function isOfRules({ variant, choices }: Row): boolean {
  if (variant === 'rules' || variant.endsWith(', rules')) return true;
  const [family, forced] = variant.split('=');
  const own = choices.filter((choice) => choice.family === family);
  return own.length > 0 && own.every(({ rule }) => rule === forced);
}

/** Zygo's row of each piece of work. Rows of races are timed by the wall clock, so others of the rules come before them. */
export function ownRows(rows: readonly Row[]): Map<string, OwnRow> {
  const works = byWork(rows.filter(({ implementation }) => implementation === 'zygo'));
  return new Map(
    [...works].map(([work, timed]) => {
      const ruled = timed.filter(isOfRules);
      const fastest = fastestOf(timed);
      const row = ruled.find(({ section }) => section !== 'peers') ?? ruled[0] ?? fastest;
      // Another measurement of the same choice is no other variant.
      const faster = ruled.includes(fastest) || fastest === row ? null : fastest;
      return [work, { row, byRules: ruled.length > 0, faster }];
    }),
  );
}

/** "fastest: matmul=quad, 1.00 ms (1.30x as fast)", or that the row itself is not of the rules; empty when there is nothing to say. */
export function fasterText({ row, byRules, faster }: OwnRow): string {
  const words = faster ? [`fastest: ${faster.variant}, ${formatSeconds(seconds(faster))} (${threeDigits(seconds(row) / seconds(faster))}x as fast)`] : [];
  return [...(byRules ? [] : ['not known to be what the rules choose']), ...words].join('; ');
}

/** Pairs of rows with a time, in the order of the second file. */
export function pairedRows(own: BenchResult, other: BenchResult): RowPair[] {
  const mine = ownRows(own.rows);
  return [...byWork(other.rows)].flatMap(([work, rows]) => {
    const found = mine.get(work);
    return found ? [{ own: found, other: fastestOf(rows) }] : [];
  });
}
