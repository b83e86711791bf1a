/** CSV text to rows that know their line, with problems told by file and line. */
// The browser build is one file without Node imports, and runs in Node as well.
import { CsvError, parse, type InfoRecord } from 'csv-parse/browser/esm/sync';
import { InputError } from '../../engine/errors.js';

/** A row of a table below its header. */
export interface CsvRow {
  /** Line in the file, from 1; the last one where a quoted value spans several. */
  readonly line: number;
  /** As many as the header has; without surrounding spaces. */
  readonly cells: readonly string[];
}

/** A CSV file, read by `readCsv`: a header without repeated names, and at least one row. */
export interface CsvTable {
  /** For messages. */
  readonly fileName: string;
  readonly header: readonly string[];
  readonly rows: readonly CsvRow[];
}

/**
 * Reads comma-separated text with a header; empty lines are skipped, a byte order mark is allowed.
 * @throws {InputError} when it is empty, has no rows, a quote stays open, a column stands there twice, or a row has more or
 *   fewer values than the header
 */
export function readCsv(text: string, fileName: string): CsvTable {
  let records: { record: string[]; info: InfoRecord }[];
  try {
    // With `info` each record comes with its position; the package's types do not say so.
    records = parse(text, {
      bom: true,
      info: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
    }) as unknown as typeof records;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new InputError(`${fileName} is not valid CSV: ${cause.message}.`, { cause });
  }
  if (records.length === 0) throw new InputError(`${fileName} is empty: expected a header line and rows.`);
  const header = records[0].record;
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw new InputError(`${fileName}, line 1: column "${twice}" stands there twice.`);
  const rows = records.slice(1).map(({ record: cells, info: { lines: line } }) => {
    if (cells.length === header.length) return { line, cells };
    throw new InputError(
      `${fileName}, line ${line}: ${cells.length} values, expected ${header.length} as in the header.`,
    );
  });
  if (rows.length === 0) throw new InputError(`${fileName} has a header but no rows: expected one row per image.`);
  return { fileName, header, rows };
}

/**
 * Position of the column `image_path` (upper or lower case).
 * @throws {InputError} when there is none
 */
export function imagePathColumn({ header, fileName }: CsvTable): number {
  const column = header.findIndex((name) => name.toLowerCase() === 'image_path');
  if (column >= 0) return column;
  throw new InputError(
    `${fileName}, line 1: column image_path is missing, expected it beside ${header.slice(0, 4).join(', ') || 'the others'}.`,
  );
}

/**
 * Rows by image path, which must be inside the folder and stand there once.
 * @throws {InputError} naming line and value otherwise
 */
export function rowsByImage(table: CsvTable): Map<string, CsvRow> {
  const column = imagePathColumn(table);
  const rows = new Map<string, CsvRow>();
  for (const row of table.rows) {
    const path = row.cells[column].replaceAll('\\', '/').replace(/^(\.\/)+/, '');
    const where = `${table.fileName}, line ${row.line}, column image_path`;
    if (path === '' || path.startsWith('/') || /^[a-z]:/i.test(path) || path.split('/').includes('..')) {
      throw new InputError(`${where}: "${row.cells[column]}", expected the path of an image inside the folder.`);
    }
    const before = rows.get(path);
    if (before) throw new InputError(`${where}: "${path}" already stands in line ${before.line}, expected it once.`);
    rows.set(path, row);
  }
  return rows;
}
