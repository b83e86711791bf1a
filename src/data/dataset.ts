import type { ActionUnit } from './action-units.js';

/** Number of facial landmarks of a face: the 49 points (68-point scheme without the jaw line, see landmarks.ts). */
export const LANDMARK_COUNT = 49;

/** Label of an AU that the face does not show; the values are those of BP4D's files. */
export const LABEL_ABSENT = 0;
/** Label of an AU that the face shows. */
export const LABEL_PRESENT = 1;
/** Label of an AU that nobody coded, or that could not be seen: probes, losses and scores leave it out. */
export const LABEL_UNKNOWN = 9;

/**
 * A set of square face images in memory, synthetic or read from files. All arrays are row-major and
 * hold `count` faces one after the other.
 */
export interface FaceDataset {
  /** Where it comes from, in words, for reports ("synthetic faces, BP4D statistics, seed 1"). */
  readonly source: string;
  readonly count: number;
  /** Width and height of every image in pixels. */
  readonly imageSize: number;
  /** RGBA bytes, [count, imageSize, imageSize, 4], sRGB, row 0 at the top. */
  readonly images: Uint8Array;
  /** [count, 49, 2]: x, y in pixels of the image, x to the right and y down; pixel centres are at +0.5. */
  readonly landmarks: Float32Array;
  /** The AU of each label column. */
  readonly actionUnits: readonly ActionUnit[];
  /** [count, actionUnits.length]: 0 absent, 1 present, 9 unknown. */
  readonly labels: Uint8Array;
  /** [count]: a number per person; training and test never share one. */
  readonly identities: Int32Array;
  /** Identity names as in the files (subject folder, for example), by identity number. */
  readonly identityNames: readonly string[];
}
