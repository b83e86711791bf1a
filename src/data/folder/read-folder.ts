/** Reads a folder of face images with labels.csv and landmarks.csv, wherever the folder is (disk, browser, memory). */
import { InputError } from '../../engine/errors.js';
import { LANDMARK_COUNT, type FaceDataset } from '../dataset.js';
import { decodeImage } from './decode-image.js';
import { parseLabels } from './labels-csv.js';
import { parseLandmarks } from './landmarks-csv.js';
import { resizeToSquare } from './resize.js';

/** Who each image shows and which AUs; its columns are in labels-csv.ts. */
export const LABELS_FILE = 'labels.csv';
/** The 49 points of each image in pixels; its columns are in landmarks-csv.ts. */
export const LANDMARKS_FILE = 'landmarks.csv';

/** What a platform gives to have a folder read. */
export interface FolderSource {
  /** How the folder is called in messages and reports. */
  readonly name: string;
  /** The bytes of a file by its path inside the folder, parts divided by `/`; null when there is none. */
  read(path: string): Promise<Uint8Array | null>;
}

/** How a face folder is read. */
export interface FaceFolderOptions {
  /** Width and height in pixels that all images are brought to. */
  readonly imageSize: number;
  /** Told after each image. */
  readonly onProgress?: (done: number, count: number) => void;
}

async function readText(source: FolderSource, path: string, expected: string): Promise<string> {
  const bytes = await source.read(path);
  if (bytes === null) throw new InputError(`${source.name} has no ${path}: expected ${expected}.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InputError(`${path} in ${source.name} is not UTF-8 text: expected ${expected}.`, { cause });
  }
}

/**
 * Reads all images, in the order of labels.csv. Images are scaled to the size asked for and, where not square,
 * centred on black; their landmarks go along. Identities are numbered as they appear.
 * Rows of landmarks.csv without a row in labels.csv are not used.
 * @throws {InputError} one sentence that names file, line, column and value; see the parsers
 */
export async function readFaceFolder(
  source: FolderSource,
  { imageSize, onProgress }: FaceFolderOptions,
): Promise<FaceDataset> {
  if (!Number.isInteger(imageSize) || imageSize < 1) {
    throw new InputError(`The image size is ${imageSize}: expected a whole number of pixels above 0.`);
  }
  const labelsText = await readText(source, LABELS_FILE, 'a table image_path, identity, au1, au2, … with a row per image');
  const { actionUnits, rows } = parseLabels(labelsText, LABELS_FILE);
  const landmarksText = await readText(
    source,
    LANDMARKS_FILE,
    `the landmarks, a table image_path, x_0, y_0 to x_48, y_48 with the ${LANDMARK_COUNT} points of each image in pixels`,
  );
  const points = parseLandmarks(landmarksText, LANDMARKS_FILE);

  const pixels = imageSize * imageSize * 4;
  const images = new Uint8Array(rows.length * pixels);
  const landmarks = new Float32Array(rows.length * LANDMARK_COUNT * 2);
  const labels = new Uint8Array(rows.length * actionUnits.length);
  const identities = new Int32Array(rows.length);
  const identityNumbers = new Map<string, number>();
  for (const [face, row] of rows.entries()) {
    const where = `${LABELS_FILE}, line ${row.line}, column image_path, "${row.path}"`;
    const own = points.get(row.path);
    if (!own) throw new InputError(`${where}: ${LANDMARKS_FILE} has no row for this image, expected one.`);
    const bytes = await source.read(row.path);
    if (bytes === null) throw new InputError(`${where}: there is no such file in ${source.name}, expected an image.`);
    const { rgba, placement } = resizeToSquare(decodeImage(bytes, where), imageSize);
    images.set(rgba, face * pixels);
    for (let i = 0; i < own.length; i++) {
      const offset = i % 2 === 0 ? placement.offsetX : placement.offsetY;
      landmarks[face * own.length + i] = own[i] * placement.scale + offset;
    }
    labels.set(row.labels, face * actionUnits.length);
    const identity = identityNumbers.get(row.identity) ?? identityNumbers.size;
    identityNumbers.set(row.identity, identity);
    identities[face] = identity;
    onProgress?.(face + 1, rows.length);
  }
  return {
    source: `folder ${source.name}, ${rows.length} faces of ${identityNumbers.size} people`,
    count: rows.length,
    imageSize,
    images,
    landmarks,
    actionUnits,
    labels,
    identities,
    identityNames: [...identityNumbers.keys()],
  };
}
