import { InputError, ShapeError, expectShape, gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { AU_CENTRE_TABLE } from './au-centre-table.js';

/** Points of a face (the 68-point scheme without the jaw line and the inner mouth corners). */
const LANDMARK_COUNT = 49;

/**
 * The two centres of each AU by JAA-Net's rule, in the landmarks' own pixels; not differentiable. The offsets are
 * vertical and their unit is a horizontal distance: align faces first.
 * @param landmarks f32 [K, 49, 2]
 * @param actionUnits AU numbers, A of them
 * @returns f32 [K, A, 2, 2]: unit, side, (x, y)
 * @throws {InputError} for an AU without a rule
 * @throws {ShapeError} when landmarks are not [K, 49, 2]
 */
export function auCentres(engine: Engine, landmarks: Tensor, actionUnits: readonly number[]): Tensor {
  const faces = landmarks.shape[0];
  expectShape('auCentres: landmarks', landmarks.shape, [faces, LANDMARK_COUNT, 2]);
  const rules = actionUnits.map((unit) => {
    const rule = AU_CENTRE_TABLE[unit];
    if (!rule) throw new InputError(`AU ${unit} has no centre rule; expected one of ${Object.keys(AU_CENTRE_TABLE).join(', ')}.`);
    return rule;
  });
  const units = rules.length;
  const points = engine.tensor(Uint32Array.from(rules.flatMap((rule) => rule.points)), [units, 2]);
  const offsets = engine.tensor(Float32Array.from(rules, (rule) => rule.offset), [units]);
  const centres = engine.empty([faces, units, 2, 2]);
  engine.dispatch({
    shader: 'regions/au_centres',
    tensors: { landmarks, points, offsets, centres },
    params: { faces, units },
    workgroups: gridFor(faces * units * 2),
    bytes: 16 * faces * units,
  });
  return centres;
}

/** What `auMaps` draws. */
export interface AuMapOptions {
  /** Cells of the map. */
  readonly height: number;
  readonly width: number;
  /** Width of the augmented image that the map covers, in pixels. */
  readonly sizeOut: number;
  /** Width of the source image, in pixels: the unit of `radius`. */
  readonly sourceSize: number;
  readonly kind: 'l1' | 'gaussian';
  /** Scale of a map as a fraction of the source image; 0.14 in JAA-Net. */
  readonly radius?: number;
  /** Points per cell along each axis that are averaged; 2 by default. */
  readonly subsamples?: number;
}

/** v = 1 − 0.56 (|dx| + |dy|) / (radius S): JAA-Net's fall-off. */
const L1_SLOPE = 0.56;
/** JAA-Net cuts its maps to a 9 × 9 box on 52 cells at radius 0.14: half of it, in units of radius · S. */
const L1_REACH = 4.5 / 52 / 0.14;

/**
 * Attention maps of AUs on the augmented views; not differentiable. The map is a function of the source position, so
 * any crop, flip or rotation carries it exactly; a cell is the mean over its subsamples, a map the maximum over the
 * AU's two centres. Kinds, with distances in source pixels and S the source width:
 * - 'l1' (JAA-Net, Shao et al. 2018): max(0, 1 − 0.56 (|dx| + |dy|) / (radius S)) within the square of half-width
 *   0.618 radius S (its 9 × 9 box on a 52-wide map), else 0;
 * - 'gaussian': exp(−(dx² + dy²) / (2 σ²)) with σ = radius S / 2 (our choice: about the same half-width).
 * @param centres f32 [N, A, 2, 2] of `auCentres`
 * @param indices u32 [B]
 * @param geometry f32 [V·B, 8] of `augmentationParameters`
 * @returns f32 [V·B, A, height, width], values 0 to 1
 * @throws {ShapeError} when the shapes do not fit
 */
export function auMaps(
  engine: Engine,
  centres: Tensor,
  indices: Tensor,
  geometry: Tensor,
  { height, width, sizeOut, sourceSize, kind, radius = 0.14, subsamples = 2 }: AuMapOptions,
): Tensor {
  const [table, units] = centres.shape;
  expectShape('auMaps: centres', centres.shape, [table, units, 2, 2]);
  const [rows] = geometry.shape;
  expectShape('auMaps: geometry', geometry.shape, [rows, 8]);
  const batch = indices.size;
  if (rows % batch !== 0) throw new ShapeError(`auMaps: geometry has ${rows} rows, expected a multiple of the batch of ${batch}.`);
  const extent = radius * sourceSize;
  const masks = engine.empty([rows, units, height, width]);
  engine.dispatch({
    shader: 'regions/au_maps',
    constants: { GAUSSIAN: kind === 'gaussian', SUBSAMPLES: subsamples },
    tensors: { centres, indices, geometry, masks },
    params: {
      table,
      batch,
      rows,
      units,
      height,
      width,
      size_out: sizeOut,
      slope: kind === 'gaussian' ? 2 / (extent * extent) : L1_SLOPE / extent,
      reach: L1_REACH * extent,
    },
    workgroups: gridFor(rows * height * width),
    flops: 20 * subsamples * subsamples * masks.size,
    bytes: 4 * masks.size,
  });
  return masks;
}
