import { ShapeError, expectShape, formatShape, gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';

/** A colour, red, green and blue. */
type Rgb = readonly [number, number, number];

/** Output of `augmentImages`. */
export interface AugmentImagesOptions {
  /** Width and height of the result in pixels. */
  readonly sizeOut: number;
  /** Subtracted from colours of 0 to 1; 0.5 each by default. */
  readonly mean?: Rgb;
  /** Divides them after that; 0.25 each by default. */
  readonly std?: Rgb;
}

/** Checks that rows are whole views of the batch. */
function expectRows(what: string, geometry: Tensor, batch: number): number {
  const [rows] = geometry.shape;
  expectShape(`${what}: geometry`, geometry.shape, [rows, 8]);
  if (rows % batch !== 0) throw new ShapeError(`${what}: geometry has ${rows} rows, expected a multiple of the batch of ${batch}.`);
  return rows;
}

/**
 * Augmented and normalised images; not differentiable. Bilinear sampling with repeated edges, blur by 3 × 3
 * samples of the Gaussian's variance, then brightness, contrast, saturation, hue, grey, solarise and noise
 * (see shaders/augment/images.wgsl for the order and the formulas).
 * @param images u32 [N, S, S], packed RGBA8 with red in the low byte
 * @param indices u32 [B], which images
 * @param geometry f32 [V·B, 8] and @param colour f32 [V·B, 8] of `augmentationParameters`
 * @returns f32 [V·B, sizeOut, sizeOut, 3]; row v·B + i is view v of image indices[i]
 * @throws {ShapeError} when the shapes do not fit
 */
export function augmentImages(
  engine: Engine,
  images: Tensor,
  indices: Tensor,
  geometry: Tensor,
  colour: Tensor,
  { sizeOut, mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25] }: AugmentImagesOptions,
): Tensor {
  const [table, size] = images.shape;
  expectShape('augmentImages: images', images.shape, [table, size, size]);
  const rows = expectRows('augmentImages', geometry, indices.size);
  expectShape('augmentImages: colour', colour.shape, [rows, 8]);
  const y = engine.empty([rows, sizeOut, sizeOut, 3]);
  const problem = problemKey({ b: rows, i: size, o: sizeOut });
  const perThread = engine.choose('augment-images', ['few', 'many'], engine.info.software ? 'many' : 'few', problem) === 'many' ? 16 : 4;
  engine.dispatch({
    shader: 'augment/images',
    constants: { PER_THREAD: perThread },
    tensors: { images, indices, geometry, colour, y },
    params: {
      table,
      batch: indices.size,
      size_in: size,
      size_out: sizeOut,
      mean_r: mean[0],
      mean_g: mean[1],
      mean_b: mean[2],
      std_r: std[0],
      std_g: std[1],
      std_b: std[2],
    },
    workgroups: [Math.ceil((sizeOut * sizeOut) / (64 * perThread)), rows],
    flops: 25 * y.size,
    bytes: 4 * (y.size + rows * size * size),
  });
  return y;
}

/**
 * Landmarks of the augmented views; not differentiable. In a flipped view each point takes its mirror partner's place.
 * @param landmarks f32 [N, P, 2] in source pixels
 * @param indices u32 [B]
 * @param geometry f32 [V·B, 8]
 * @param permutation u32 [P], for each point the one that takes its place in a flip
 * @returns f32 [V·B, P, 2] in output pixels
 * @throws {ShapeError} when the shapes do not fit
 */
export function augmentLandmarks(engine: Engine, landmarks: Tensor, indices: Tensor, geometry: Tensor, permutation: Tensor): Tensor {
  const [table, points] = landmarks.shape;
  if (landmarks.shape.length !== 3 || landmarks.shape[2] !== 2) {
    throw new ShapeError(`augmentLandmarks: landmarks have shape ${formatShape(landmarks.shape)}, expected [N, P, 2].`);
  }
  expectShape('augmentLandmarks: permutation', permutation.shape, [points]);
  const rows = expectRows('augmentLandmarks', geometry, indices.size);
  const y = engine.empty([rows, points, 2]);
  engine.dispatch({
    shader: 'augment/landmarks',
    tensors: { landmarks, indices, geometry, permutation, y },
    params: { table, batch: indices.size, rows, points },
    workgroups: gridFor(rows * points),
    flops: 12 * rows * points,
    bytes: 16 * rows * points,
  });
  return y;
}
