/** How deep the lines of the skin are: from AUs on each side, deeper with age, some permanent. */
import { KNOWN_AUS, type ActionUnit } from '../action-units.js';
import { MAX_INTENSITY } from './au-statistics.js';

/** Strengths per side that the shader knows (shaders/faces/face.wgsl: w0.x ... w3.w). */
export const WRINKLE_COUNT = 16;

interface Wrinkle {
  /** What it is, for readers; the order is the shader's. */
  readonly name: string;
  /** Depth that each AU gives at intensity 5. */
  readonly by: Partial<Record<ActionUnit, number>>;
  /** Depth at rest of an old person. */
  readonly permanent: number;
}

const WRINKLES: readonly Wrinkle[] = [
  { name: 'forehead lines, middle', by: { 1: 1 }, permanent: 0.35 },
  { name: 'forehead lines, side', by: { 2: 0.95 }, permanent: 0.3 },
  { name: 'furrow between the brows', by: { 4: 1.35, 9: 0.6 }, permanent: 0.3 },
  { name: "crow's feet", by: { 6: 0.95 }, permanent: 0.35 },
  { name: 'folds under the eye', by: { 6: 0.9, 7: 0.45, 9: 0.4 }, permanent: 0.3 },
  { name: "lines beside the nose's bridge", by: { 9: 1.1 }, permanent: 0 },
  { name: 'nasolabial fold', by: { 6: 0.2, 9: 0.6, 10: 1, 12: 0.8, 14: 0.25 }, permanent: 0.4 },
  { name: 'dimple', by: { 14: 1.3, 12: 0.15 }, permanent: 0 },
  { name: 'lines around tightened lips', by: { 23: 1 }, permanent: 0 },
  { name: 'line below the mouth corner', by: { 15: 1.05 }, permanent: 0.25 },
  { name: 'pebbled chin', by: { 17: 1.1, 24: 0.2 }, permanent: 0 },
  { name: 'fold between lip and chin', by: { 15: 0.3, 17: 0.9, 24: 0.25 }, permanent: 0.2 },
  { name: 'lips rolled in', by: { 23: 0.75 }, permanent: 0 },
  { name: 'lips pressed', by: { 24: 1 }, permanent: 0 },
  { name: 'tight lower lid', by: { 7: 1.1, 6: 0.4 }, permanent: 0.1 },
  { name: 'not drawn (fills the last vector)', by: {}, permanent: 0 },
];

/**
 * Writes the strengths of one side.
 * @param intensity 0 to 5 per AU of KNOWN_AUS.
 * @param age 0 to 1.
 */
export function wrinkleStrengths(intensity: Float32Array, age: number, target: Float32Array, offset: number): void {
  WRINKLES.forEach(({ by, permanent }, slot) => {
    let depth = permanent * Math.max(0, age - 0.25);
    KNOWN_AUS.forEach((au, index) => {
      const effect = by[au];
      if (effect !== undefined) depth += (effect * (0.8 + 0.35 * age) * intensity[index]) / MAX_INTENSITY;
    });
    target[offset + slot] = depth;
  });
}
