/** A dataset as the files of a face folder: PNG images, labels.csv, landmarks.csv and, if given, intensities.csv. */
import { encode as encodePng } from 'fast-png';
import { InputError } from '../../engine/errors.js';
import type { ActionUnit } from '../action-units.js';
import { LANDMARK_COUNT, type FaceDataset } from '../dataset.js';
import { LANDMARK_COLUMNS } from './landmarks-csv.js';
import { LABELS_FILE, LANDMARKS_FILE } from './read-folder.js';

/** How strong each AU is: written beside the labels of synthetic faces; no training reads it. */
export const INTENSITIES_FILE = 'intensities.csv';

/** How strong each AU is, where the dataset knows. */
export interface Intensities {
  readonly actionUnits: readonly ActionUnit[];
  /** [faces, actionUnits.length], 0 at rest to 5 at most: the stronger side of the face. */
  readonly values: Float32Array;
}

/** One file by its path inside the folder, parts divided by `/`. */
export interface FolderFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The shortest decimal that reads back as the same single-precision number. */
function shortest(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(value);
}

/** Quotes a CSV value where it must be (RFC 4180, section 2). */
const quoted = (value: string) => (/[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

/** A PNG of RGBA bytes; the alpha channel is left out. */
function pngOf(rgba: Uint8Array, size: number): Uint8Array {
  const rgb = new Uint8Array(size * size * 3);
  for (let pixel = 0; pixel < size * size; pixel++) rgb.set(rgba.subarray(pixel * 4, pixel * 4 + 3), pixel * 3);
  return encodePng({ width: size, height: size, data: rgb, channels: 3, depth: 8 });
}

/**
 * All files of the folder, one by one, so that no more than one encoded image is in memory. Images are named
 * images/0000.png and on, in the order of the dataset.
 * @throws {InputError} when an identity has no name or the intensities do not fit
 */
export function* faceFolderFiles(dataset: FaceDataset, intensities?: Intensities): Generator<FolderFile> {
  const { count, imageSize, images, landmarks, labels, actionUnits, identities, identityNames } = dataset;
  if (intensities && intensities.values.length !== count * intensities.actionUnits.length) {
    throw new InputError(
      `There are ${intensities.values.length} intensities for ${count} faces and ${intensities.actionUnits.length} AUs: ` +
        `expected ${count * intensities.actionUnits.length}.`,
    );
  }
  const digits = Math.max(4, String(Math.max(0, count - 1)).length);
  const path = (face: number) => `images/${String(face).padStart(digits, '0')}.png`;
  const table = (header: readonly string[], cells: (face: number) => readonly (string | number)[]) => {
    const lines = [['image_path', ...header].join(',')];
    for (let face = 0; face < count; face++) lines.push([path(face), ...cells(face)].join(','));
    return new TextEncoder().encode(`${lines.join('\n')}\n`);
  };
  const columns = (aus: readonly ActionUnit[]) => aus.map((au) => `au${au}`);
  const rowOf = <T extends Uint8Array | Float32Array>(values: T, face: number, width: number) =>
    values.subarray(face * width, (face + 1) * width);

  yield {
    path: LABELS_FILE,
    bytes: table(['identity', ...columns(actionUnits)], (face) => {
      const name = identityNames[identities[face]];
      if (!name) throw new InputError(`Identity ${identities[face]} of face ${face} has no name: expected one to write.`);
      return [quoted(name), ...rowOf(labels, face, actionUnits.length)];
    }),
  };
  yield {
    path: LANDMARKS_FILE,
    bytes: table(LANDMARK_COLUMNS, (face) => Array.from(rowOf(landmarks, face, LANDMARK_COUNT * 2), shortest)),
  };
  if (intensities) {
    yield {
      path: INTENSITIES_FILE,
      bytes: table(columns(intensities.actionUnits), (face) =>
        Array.from(rowOf(intensities.values, face, intensities.actionUnits.length), shortest),
      ),
    };
  }
  const pixels = imageSize * imageSize * 4;
  for (let face = 0; face < count; face++) {
    yield { path: path(face), bytes: pngOf(images.subarray(face * pixels, (face + 1) * pixels), imageSize) };
  }
}
