/**
 * The 49 facial landmarks of the field (the 68-point scheme of Multi-PIE / iBUG 300-W without the jaw line and the
 * inner mouth corners), and the AU centres that JAA-Net puts relative to them.
 */
import type { ActionUnit } from './action-units.js';
import { LANDMARK_COUNT } from './dataset.js';

/**
 * Vertex of the MediaPipe face mesh at each of the 49 points (0-based): brows 0-9, nose bridge 10-13, nose base
 * 14-18, eyes 19-30, outer lips 31-42, inner lips 43-48; from the image's left to its right in the upper rows, in
 * the scheme's own order. Our mapping, checked by eye on rendered faces.
 */
export const LANDMARK_VERTICES: readonly number[] = [
  // Brows: image left (outer to inner), image right (inner to outer).
  70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
  // Nose bridge downwards, nose base from left to right.
  168, 197, 5, 4, 98, 97, 2, 326, 327,
  // Eye on the image's left: outer corner, upper lid, inner corner, lower lid; then the other eye from its inner corner.
  33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
  // Outer lips clockwise from the left corner.
  61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
  // Inner lips: upper from left to right, lower from right to left.
  81, 13, 311, 402, 14, 178,
];

/** Where JAA-Net (Shao et al. 2018) centres an AU: two points and a vertical offset in eye-corner distances. */
interface AuCentreRule {
  readonly points: readonly [number, number];
  readonly offset: number;
}

const MOUTH_CORNERS: AuCentreRule = { points: [31, 37], offset: 0 };
const CHIN: AuCentreRule = { points: [39, 41], offset: 1 / 2 };
const LIP_MIDDLE: AuCentreRule = { points: [34, 40], offset: 0 };

const AU_CENTRE_RULES: Readonly<Record<ActionUnit, AuCentreRule>> = {
  1: { points: [4, 5], offset: -1 / 2 },
  2: { points: [1, 8], offset: -1 / 3 },
  4: { points: [2, 7], offset: 1 / 3 },
  6: { points: [24, 29], offset: 1 },
  7: { points: [21, 26], offset: 0 },
  9: { points: [15, 17], offset: -1 / 2 },
  10: { points: [43, 45], offset: 0 },
  12: MOUTH_CORNERS,
  14: MOUTH_CORNERS,
  15: MOUTH_CORNERS,
  17: CHIN,
  26: CHIN,
  23: LIP_MIDDLE,
  24: LIP_MIDDLE,
  25: LIP_MIDDLE,
};

/** Inner eye corners, whose horizontal distance is the unit of the offsets. */
const INNER_EYE_CORNERS = [22, 25] as const;

/** A point in pixels, x to the right and y down. */
export type Point = readonly [x: number, y: number];

/**
 * The two centres of an AU in a face whose eyes are level (the offset is vertical and its unit is the horizontal
 * distance of the inner eye corners, so align first).
 * @param landmarks x, y of 49 points in pixels; longer arrays hold more faces.
 * @param actionUnit the AU.
 * @param face which face of `landmarks`, 0 by default.
 */
export function auCentres(landmarks: Float32Array, actionUnit: ActionUnit, face = 0): readonly [Point, Point] {
  const x = (point: number): number => landmarks[2 * (face * LANDMARK_COUNT + point)];
  const y = (point: number): number => landmarks[2 * (face * LANDMARK_COUNT + point) + 1];
  const unit = Math.abs(x(INNER_EYE_CORNERS[0]) - x(INNER_EYE_CORNERS[1]));
  const { points, offset } = AU_CENTRE_RULES[actionUnit];
  const centre = (point: number): Point => [x(point), y(point) + offset * unit];
  return [centre(points[0]), centre(points[1])];
}
