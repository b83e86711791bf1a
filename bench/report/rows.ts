/** Every row with everything that is known of it. */
import { escape } from '../../src/report/markup.js';
import { droppedOf, FMA_SHARE_TEXT, onceText, ratesOf, timeOf } from '../figures.js';
import { formatRate, formatSeconds, formatShare } from '../format.js';
import type { BenchResult, Row } from '../harness/schema.js';
import { errorText, rowName } from '../table.js';
import { table } from './parts.js';

/** What stands where a time would. */
const NO_TIME: Readonly<Record<Exclude<Row['status'], 'timed'>, string>> = { wrong: 'wrong', short: 'too short', few: 'no figure', failed: 'not run' };

const HEAD = ['Row', 'Time', 'Clock', 'IQR', 'n', 'Wall', 'Cold', 'First run', 'Compile', 'FLOP/s', 'of f32 FMA', 'B/s', 'of copy', 'Error', 'Tolerance', 'Launches', 'Stopped'];

function cells(row: Row, { peaks, timer }: Pick<BenchResult, 'peaks' | 'timer'>): string[] {
  const time = timeOf(row);
  const rates = ratesOf(row, peaks);
  const share = (value: number | null): string => (value === null ? '–' : formatShare(value));
  const known = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : formatSeconds(value));
  return [
    `${row.model}: ${rowName(row)}${row.note ? ` – ${row.note}` : ''}`,
    time ? formatSeconds(time.median) : row.status === 'timed' ? '–' : NO_TIME[row.status],
    time?.clock ?? '–',
    time ? formatShare((time.q3 - time.q1) / time.median) : '–',
    time ? `${time.n}${droppedOf(row) > 0 ? ` (−${droppedOf(row)})` : ''}` : '–',
    known(row.summary?.wall.median),
    known(row.summary?.cold?.median),
    onceText(row.firstRun, row, timer) ?? '–',
    onceText(row.compile?.seconds, row, timer) ?? '–',
    rates.flopsPerSecond === null ? '–' : formatRate(rates.flopsPerSecond, ''),
    share(rates.ofFma),
    rates.bytesPerSecond === null ? '–' : formatRate(rates.bytesPerSecond, ''),
    share(rates.ofCopy),
    errorText(row),
    row.check ? row.check.tolerance.toExponential(0) : '–',
    String(row.dispatches),
    row.hot?.stop ?? '–',
  ];
}

/** Which variants a row ran, each family once: "rows=thread items=few,many". */
function variantsOf({ choices }: Row): string {
  const families = new Map<string, Set<string>>();
  for (const { family, variant } of choices) families.set(family, (families.get(family) ?? new Set()).add(variant));
  return [...families].map(([family, variants]) => `${family}=${[...variants].join(',')}`).join(' ');
}

function variants(rows: readonly Row[]): string {
  const told = rows.filter(({ choices }) => choices.length > 0).map((row) => [rowName(row), variantsOf(row)]);
  return told.length === 0 ? '' : `<details><summary>${escape('Which kernel variants every row ran')}</summary>${table(['Row', 'Variants'], told, 'left')}</details>`;
}

/** All rows, then the variants that each of them ran. */
export function allRows(result: BenchResult): string {
  const { rows } = result;
  return rows.length === 0 ? '' : `<p>${escape(FMA_SHARE_TEXT)}</p>` + table(HEAD, rows.map((row) => cells(row, result)), 'rows') + variants(rows);
}
