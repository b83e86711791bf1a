/** landmarks.csv: `image_path,x_0,y_0,…,x_48,y_48`, the 49 points in pixels of the image as stored in its file. */
import { InputError } from '../../engine/errors.js';
import { LANDMARK_COUNT } from '../dataset.js';
import { imagePathColumn, readCsv, rowsByImage } from './csv.js';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Column names in the order in which they are written: x_0, y_0, x_1, … */
export const LANDMARK_COLUMNS: readonly string[] = Array.from({ length: LANDMARK_COUNT }, (_, point) => [
  `x_${point}`,
  `y_${point}`,
]).flat();

/**
 * Parses landmarks.csv; the columns may stand in any order.
 * @returns by image path: [49, 2] x and y in pixels, y down
 * @throws {InputError} naming file, line, column, value and what was expected
 */
export function parseLandmarks(text: string, fileName: string): Map<string, Float32Array> {
  const table = readCsv(text, fileName);
  const pathColumn = imagePathColumn(table);
  const names = table.header.map((name) => name.toLowerCase());
  const extra = names.findIndex((name, column) => column !== pathColumn && !LANDMARK_COLUMNS.includes(name));
  if (extra >= 0) {
    throw new InputError(
      `${fileName}, line 1: column "${table.header[extra]}" is not known, expected image_path and x_0, y_0 to x_48, y_48 (49 points).`,
    );
  }
  const columns = LANDMARK_COLUMNS.map((name) => {
    const column = names.indexOf(name);
    if (column >= 0) return column;
    throw new InputError(
      `${fileName}, line 1: column ${name} is missing, expected x_0, y_0 to x_48, y_48 (49 points).`,
    );
  });
  const landmarks = new Map<string, Float32Array>();
  for (const [path, { line, cells }] of rowsByImage(table)) {
    const points = Float32Array.from(columns, (column) => {
      const value = NUMBER.test(cells[column]) ? Math.fround(Number(cells[column])) : NaN;
      if (Number.isFinite(value)) return value;
      throw new InputError(
        `${fileName}, line ${line}, column ${table.header[column]}: "${cells[column]}", expected a number of pixels.`,
      );
    });
    landmarks.set(path, points);
  }
  return landmarks;
}
