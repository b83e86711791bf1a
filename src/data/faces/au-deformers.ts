/**
 * Moves the vertices of a face as its AUs say: displacement fields of the skin (au-anchors.ts), then lids, lips and
 * jaw, which move relative to each other. Right and left may differ.
 */
import { KNOWN_AUS, type ActionUnit } from '../action-units.js';
import { AU_FIELDS } from './au-anchors.js';
import { MAX_INTENSITY } from './au-statistics.js';
import { MESH_VERTEX_COUNT } from './canonical-mesh.js';
import type { FieldBuilder } from './displacement-field.js';
import { JawHinge } from './jaw.js';
import {
  LIP_RINGS,
  RIGHT_EYE_LOWER,
  RIGHT_EYE_UPPER,
  RIGHT_LID_FOLD_LOWER,
  RIGHT_LID_FOLD_UPPER,
  mirrored,
  type FaceTopology,
} from './mesh-topology.js';

/** Number of AUs that the deformers know; intensities come in the order of KNOWN_AUS. */
export const DEFORMER_COUNT = KNOWN_AUS.length;

/** Intensities (0 to 5) of the AUs of KNOWN_AUS on the person's right and left side. */
export interface SidedIntensities {
  readonly right: Float32Array;
  readonly left: Float32Array;
}

/** All AUs at rest on both sides. */
export function noMovement(): SidedIntensities {
  return { right: new Float32Array(DEFORMER_COUNT), left: new Float32Array(DEFORMER_COUNT) };
}

/** Half-width of the band around the midline in which right and left intensities blend, cm. */
const BLEND_WIDTH = 0.9;

/** Share of the eye's opening that the lower (then the upper) lid closes at intensity 5. */
const LOWER_LID_CLOSING: Partial<Record<ActionUnit, number>> = { 6: 0.28, 7: 0.34, 9: 0.12, 12: 0.08 };
const UPPER_LID_CLOSING: Partial<Record<ActionUnit, number>> = { 4: 0.1, 6: 0.06, 7: 0.18, 9: 0.08 };
/** Each lid closes at most this share of the opening, however many AUs push it. */
const MAX_LOWER_CLOSING = 0.45;
const MAX_UPPER_CLOSING = 0.3;

/** Share of the lips' height that disappears at intensity 5, and how far they roll in (cm). */
const LIP_THINNING: Partial<Record<ActionUnit, number>> = { 12: 0.12, 14: 0.12, 23: 0.42, 24: 0.6 };
const LIP_ROLL: Partial<Record<ActionUnit, number>> = { 23: 0.12, 24: 0.14 };
const MAX_THINNING = 0.75;

/** Opening between the lips at the midline at intensity 5: of the upper lip up and of the lower lip down, cm. */
const PART_UPPER: Partial<Record<ActionUnit, number>> = { 9: 0.2, 10: 0.3, 25: 0.2, 26: 0.1 };
const PART_LOWER: Partial<Record<ActionUnit, number>> = { 25: 0.6, 26: 0.2 };

/** AUs that part the lips; the others leave them touching. */
const OPENING_AUS: ReadonlySet<ActionUnit> = new Set<ActionUnit>([9, 10, 25, 26]);

/** Blend weight of the left side at x (cm): 0 on the right, 1 on the left, smooth between. */
export function leftWeight(x: number): number {
  const t = Math.min(1, Math.max(0, 0.5 + x / (2 * BLEND_WIDTH)));
  return t * t * (3 - 2 * t);
}

/** Sum of `table`'s effects at the given intensities, 1 for each effect at intensity 5. */
function total(table: Partial<Record<ActionUnit, number>>, intensity: (au: number) => number): number {
  let sum = 0;
  KNOWN_AUS.forEach((au, index) => {
    const effect = table[au];
    if (effect !== undefined) sum += (effect * intensity(index)) / MAX_INTENSITY;
  });
  return sum;
}

/** A soft limit: near `value` while small, never above `limit`. */
function softLimit(value: number, limit: number): number {
  return limit * (1 - Math.exp(-value / limit));
}

/** One lid: pairs of border vertices and the fold vertices that follow, outer to inner corner. */
interface EyeVertices {
  readonly upper: readonly number[];
  readonly lower: readonly number[];
  readonly foldUpper: readonly number[];
  readonly foldLower: readonly number[];
}

/** Applies AUs to shapes of one mesh. */
export class AuDeformer {
  private readonly fields: readonly Float32Array[];
  private readonly left: Float32Array;
  private readonly jaw: JawHinge;
  private readonly eyes: readonly EyeVertices[];

  /**
   * @param rest [468, 3] the rest shape on which `builder` measures distances.
   */
  constructor(topology: FaceTopology, rest: Float32Array, builder: FieldBuilder) {
    this.fields = KNOWN_AUS.map((au) => builder.field(AU_FIELDS[au].anchors, AU_FIELDS[au].sigma));
    this.left = Float32Array.from({ length: MESH_VERTEX_COUNT }, (_, v) => leftWeight(rest[3 * v]));
    this.jaw = new JawHinge(topology, rest);
    const rightEye: EyeVertices = {
      upper: RIGHT_EYE_UPPER,
      lower: RIGHT_EYE_LOWER,
      foldUpper: RIGHT_LID_FOLD_UPPER,
      foldLower: RIGHT_LID_FOLD_LOWER,
    };
    const leftEye: EyeVertices = {
      upper: mirrored(topology, rightEye.upper),
      lower: mirrored(topology, rightEye.lower),
      foldUpper: mirrored(topology, rightEye.foldUpper),
      foldLower: mirrored(topology, rightEye.foldLower),
    };
    this.eyes = [rightEye, leftEye];
  }

  /** Displacement of the skin by one AU at intensity 5 on both sides, [468, 3] cm, before lids, lips and jaw. */
  fieldOf(au: ActionUnit): Float32Array {
    return this.fields[KNOWN_AUS.indexOf(au)];
  }

  /**
   * Moves `shape` in place.
   * @param shape [468, 3] an identity's face at rest, centimetres.
   * @param intensities 0 to 5 per AU of KNOWN_AUS and side.
   * @returns the angle by which the jaw has dropped, radians.
   */
  apply(shape: Float32Array, intensities: SidedIntensities): number {
    this.moveSkin(shape, intensities, (au) => !OPENING_AUS.has(au));
    this.sealLips(shape);
    const jawAngle = this.jaw.open(shape, total({ 26: 1 }, (i) => 0.5 * (intensities.right[i] + intensities.left[i])));
    this.moveSkin(shape, intensities, (au) => OPENING_AUS.has(au));
    this.eyes.forEach((eye, side) => this.moveLids(shape, eye, side === 0 ? intensities.right : intensities.left));
    this.moveLips(shape, intensities);
    return jawAngle;
  }

  private moveSkin(shape: Float32Array, { right, left }: SidedIntensities, wanted: (au: ActionUnit) => boolean): void {
    for (let au = 0; au < DEFORMER_COUNT; au++) {
      if ((right[au] === 0 && left[au] === 0) || !wanted(KNOWN_AUS[au])) continue;
      const field = this.fields[au];
      for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
        const amount = (right[au] + (left[au] - right[au]) * this.left[v]) / MAX_INTENSITY;
        for (let k = 3 * v; k < 3 * v + 3; k++) shape[k] += amount * field[k];
      }
    }
  }

  /** Closed lips stay in touch however the skin around them is pulled. */
  private sealLips(shape: Float32Array): void {
    const last = LIP_RINGS.length - 1;
    const inner = LIP_RINGS[last];
    for (let column = 1; column < inner.upper.length - 1; column++) {
      for (let k = 0; k < 3; k++) {
        const up = shape[3 * inner.upper[column] + k];
        const low = shape[3 * inner.lower[column] + k];
        const half = 0.5 * (up - low);
        for (let ring = 1; ring <= last; ring++) {
          shape[3 * LIP_RINGS[ring].upper[column] + k] -= (half * ring) / last;
          shape[3 * LIP_RINGS[ring].lower[column] + k] += (half * ring) / last;
        }
      }
    }
  }

  private moveLids(shape: Float32Array, eye: EyeVertices, intensity: Float32Array): void {
    const closeLower = softLimit(total(LOWER_LID_CLOSING, (i) => intensity[i]), MAX_LOWER_CLOSING);
    const closeUpper = softLimit(total(UPPER_LID_CLOSING, (i) => intensity[i]), MAX_UPPER_CLOSING);
    for (let column = 1; column < eye.upper.length - 1; column++) {
      for (let k = 0; k < 3; k++) {
        const opening = shape[3 * eye.upper[column] + k] - shape[3 * eye.lower[column] + k];
        shape[3 * eye.upper[column] + k] -= closeUpper * opening;
        shape[3 * eye.foldUpper[column] + k] -= 0.6 * closeUpper * opening;
        shape[3 * eye.lower[column] + k] += closeLower * opening;
        shape[3 * eye.foldLower[column] + k] += 0.7 * closeLower * opening;
      }
    }
  }

  private moveLips(shape: Float32Array, { right, left }: SidedIntensities): void {
    const inner = LIP_RINGS[LIP_RINGS.length - 1];
    const columns = inner.upper.length;
    for (let column = 0; column < columns; column++) {
      const side = this.left[inner.upper[column]];
      const at = (i: number): number => right[i] + (left[i] - right[i]) * side;
      const thinning = softLimit(total(LIP_THINNING, at), MAX_THINNING);
      const roll = total(LIP_ROLL, at);
      // Parting is widest in the middle and none at the corners.
      const arch = Math.sin((Math.PI * column) / (columns - 1)) ** 0.6;
      const partUpper = total(PART_UPPER, at) * arch;
      const partLower = total(PART_LOWER, at) * arch;
      const up = 3 * inner.upper[column];
      const low = 3 * inner.lower[column];
      const line = [0, 1, 2].map((k) => 0.5 * (shape[up + k] + shape[low + k]));
      LIP_RINGS.forEach((ring, depth) => {
        const within = depth / (LIP_RINGS.length - 1);
        // The corners keep their height; their rings differ in x, which thinning must not fold.
        const thin = column === 0 || column === columns - 1 ? 0 : thinning;
        for (const [vertex, direction] of [[ring.upper[column], partUpper], [ring.lower[column], -partLower]] as const) {
          if (column > 0 && column < columns - 1) {
            shape[3 * vertex + 1] += thin * (line[1] - shape[3 * vertex + 1]) + direction * (0.35 + 0.65 * within);
          }
          shape[3 * vertex + 2] -= roll * (0.4 + 0.6 * within);
        }
      });
      this.keepApart(shape, inner.upper[column], inner.lower[column]);
    }
  }

  /** Lips touch, they do not pass through each other. */
  private keepApart(shape: Float32Array, upper: number, lower: number): void {
    if (upper === lower || shape[3 * upper + 1] >= shape[3 * lower + 1]) return;
    for (let k = 0; k < 3; k++) {
      const middle = 0.5 * (shape[3 * upper + k] + shape[3 * lower + k]);
      shape[3 * upper + k] = middle;
      shape[3 * lower + k] = middle;
    }
  }
}
