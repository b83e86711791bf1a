import { expectShape, gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { checkAugmentation, type AugmentationOptions } from './options.js';

/** How each augmented face is taken from its source; rows are view-major: row v·B + i is view v of face i. */
export interface Augmentation {
  /**
   * f32 [V·B, 8]: a, b, c, d, e, f of source x = a x + b y + c, source y = d x + e y + f, from output pixel to source
   * pixel positions (pixel centres at +0.5); then flip 0 or 1, and a key for noise.
   */
  readonly geometry: Tensor;
  /**
   * f32 [V·B, 8]: brightness, contrast and saturation factors, hue turn, grey 0 or 1, blur sigma in output pixels,
   * solarise 0 or 1, noise sigma.
   */
  readonly colour: Tensor;
}

/** What `augmentationParameters` draws for. */
export interface AugmentationRequest {
  /** Faces B and views V of each. */
  readonly batch: number;
  readonly views: number;
  /** Widths of the stored and of the augmented images in pixels. */
  readonly sizeIn: number;
  readonly sizeOut: number;
  /** u32 [2]: seed, step. */
  readonly stepKey: Tensor;
  readonly options: AugmentationOptions;
}

/**
 * Draws the augmentation of every view of every face of a batch, on the device: a pure function of
 * (seed, step, view, place in the batch) by Philox4x32-10.
 * @throws {InputError} when an option makes no sense
 * @throws {ShapeError} when stepKey is not [2]
 */
export function augmentationParameters(engine: Engine, { batch, views, sizeIn, sizeOut, stepKey, options }: AugmentationRequest): Augmentation {
  checkAugmentation(options);
  expectShape('augmentationParameters: stepKey', stepKey.shape, [2]);
  const rows = views * batch;
  const geometry = engine.empty([rows, 8]);
  const colour = engine.empty([rows, 8]);
  const [solariseFirst, solariseOther] = options.solarise ?? [0, 0];
  engine.dispatch({
    shader: 'augment/parameters',
    tensors: { step_key: stepKey, geometry, colour },
    params: {
      batch,
      views,
      size_in: sizeIn,
      size_out: sizeOut,
      area_low: options.cropArea[0],
      area_high: options.cropArea[1],
      log_aspect: Math.log(options.aspect ?? 1),
      rotation: (options.rotation * Math.PI) / 180,
      translation: options.translation ?? 0,
      flip: options.flip,
      brightness: options.brightness,
      contrast: options.contrast,
      saturation: options.saturation,
      hue: options.hue,
      jitter: options.jitterProbability,
      grey: options.grey,
      blur_first: options.blur[0],
      blur_other: options.blur[1],
      sigma_low: options.blurSigma[0],
      sigma_high: options.blurSigma[1],
      solarise_first: solariseFirst,
      solarise_other: solariseOther,
      noise: options.noise ?? 0,
    },
    workgroups: gridFor(rows),
    bytes: 64 * rows,
  });
  return { geometry, colour };
}

/**
 * The augmentation that only resizes a whole square image and leaves its colours: for evaluation.
 * Uploads two constants: make it once, or inside a capture.
 */
export function identityGeometry(
  engine: Engine,
  { batch, views = 1, sizeIn, sizeOut }: { batch: number; views?: number; sizeIn: number; sizeOut: number },
): Augmentation {
  const scale = sizeIn / sizeOut;
  const rows = views * batch;
  const repeat = (row: readonly number[]) => Float32Array.from({ length: 8 * rows }, (_, index) => row[index % 8]);
  return {
    geometry: engine.tensor(repeat([scale, 0, 0, 0, scale, 0, 0, 0]), [rows, 8], 'f32', 'identity geometry'),
    colour: engine.tensor(repeat([1, 1, 1, 0, 0, 0, 0, 0]), [rows, 8], 'f32', 'identity colour'),
  };
}
