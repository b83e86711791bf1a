/**
 * labels.csv: `image_path,identity,au1,au2,…`, one row per image, values 0 absent, 1 present, 9 unknown.
 * `identity` may be left out; AU columns may be written au1, AU1, AU01 or au_1.
 */
import { InputError } from '../../engine/errors.js';
import { KNOWN_AUS, type ActionUnit } from '../action-units.js';
import { LABEL_ABSENT, LABEL_PRESENT, LABEL_UNKNOWN } from '../dataset.js';
import { imagePathColumn, readCsv, rowsByImage, type CsvTable } from './csv.js';

/** The content of labels.csv, made by `parseLabels`. */
export interface FaceLabels {
  /** The AU of each label column, in the order of the file. */
  readonly actionUnits: readonly ActionUnit[];
  /** One per image, in the order of the file. */
  readonly rows: readonly {
    /** Inside the folder, parts divided by `/`. */
    readonly path: string;
    /** In the file, from 1. */
    readonly line: number;
    /** The person's name, from the column or from the path. */
    readonly identity: string;
    /** One per AU: 0, 1 or 9. */
    readonly labels: readonly number[];
  }[];
}

const AU_COLUMN = /^au[ _]?(\d+)$/i;
const isKnown = (au: number): au is ActionUnit => (KNOWN_AUS as readonly number[]).includes(au);

/** The AU of each column, or null for image_path and identity. */
function auColumns({ header, fileName }: CsvTable): (ActionUnit | null)[] {
  const columns = header.map((name) => {
    if (['image_path', 'identity'].includes(name.toLowerCase())) return null;
    const number = Number(AU_COLUMN.exec(name)?.[1] ?? NaN);
    if (isKnown(number)) return number;
    throw new InputError(
      `${fileName}, line 1: column "${name}" is not known, expected image_path, identity or one of ` +
        `${KNOWN_AUS.map((au) => `au${au}`).join(', ')}.`,
    );
  });
  const found = columns.filter((au) => au !== null);
  if (found.length === 0) {
    throw new InputError(`${fileName}, line 1: no AU column, expected at least one such as au1, AU01 or au_12.`);
  }
  const twice = found.find((au, index) => found.indexOf(au) !== index);
  if (twice !== undefined) throw new InputError(`${fileName}, line 1: two columns for AU ${twice}, expected one.`);
  return columns;
}

/**
 * The person in a picture when no `identity` column says so: its first folder (F001 in F001/T1/12.jpg), a folder
 * called `images` not counted; failing that, the file name up to its first underscore (F001 in F001_T1_12.jpg).
 * @returns null when the path has neither
 */
export function identityFromPath(path: string): string | null {
  const parts = path.split('/');
  if (parts.length > 1 && parts[0].toLowerCase() === 'images') parts.shift();
  if (parts.length > 1) return parts[0];
  const underscore = parts[0].indexOf('_');
  return underscore > 0 ? parts[0].slice(0, underscore) : null;
}

/**
 * Parses labels.csv.
 * @throws {InputError} naming file, line, column, value and what was expected: no image_path or AU column, an
 *   unknown column, a path outside the folder or given twice, a value that is not 0, 1 or 9, no identity to be found
 */
export function parseLabels(text: string, fileName: string): FaceLabels {
  const table = readCsv(text, fileName);
  imagePathColumn(table);
  const columns = auColumns(table);
  const identityColumn = table.header.findIndex((name) => name.toLowerCase() === 'identity');
  const rows = [...rowsByImage(table)].map(([path, { line, cells }]) => {
    const identity = identityColumn >= 0 ? cells[identityColumn] : identityFromPath(path);
    if (!identity) {
      throw new InputError(
        identityColumn >= 0
          ? `${fileName}, line ${line}, column identity: empty, expected a name for the person.`
          : `${fileName}, line ${line}: who "${path}" shows cannot be told, expected a column identity, a folder ` +
            'per person, or file names that begin with the person and an underscore.',
      );
    }
    const labels = columns.flatMap((au, column) => {
      if (au === null) return [];
      const value = cells[column];
      if ([LABEL_ABSENT, LABEL_PRESENT, LABEL_UNKNOWN].map(String).includes(value)) return [Number(value)];
      throw new InputError(
        `${fileName}, line ${line}, column ${table.header[column]}: "${value}", expected 0 (absent), 1 (present) or 9 (unknown).`,
      );
    });
    return { path, line, identity, labels };
  });
  return { actionUnits: columns.filter((au) => au !== null), rows };
}
