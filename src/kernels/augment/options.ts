import { InputError } from '../../engine/index.js';

/** Strengths and probabilities of the augmentation; a preset's `augmentation` has this shape. */
export interface AugmentationOptions {
  /** Area of the crop as a fraction of the image, [smallest, largest]. */
  readonly cropArea: readonly [number, number];
  /** Largest aspect ratio of the crop (drawn log-uniformly between 1/aspect and aspect); 1 by default. */
  readonly aspect?: number;
  /** Largest rotation in degrees, either way. */
  readonly rotation: number;
  /** Largest further shift of the crop as a fraction of the image, beyond its edges if need be; 0 by default. */
  readonly translation?: number;
  /** Probability of a left-right flip. */
  readonly flip: number;
  /** Brightness, contrast and saturation are multiplied by 1 ± up to these. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Largest turn of the hue, as a fraction of a full turn. */
  readonly hue: number;
  /** Probability of the four above, together. */
  readonly jitterProbability: number;
  /** Probability of losing all colour. */
  readonly grey: number;
  /** Probability of blur in the first and in every other view. */
  readonly blur: readonly [number, number];
  /** Standard deviation of the blur in output pixels, [smallest, largest]. */
  readonly blurSigma: readonly [number, number];
  /** Probability of solarising in the first and in every other view; none by default. */
  readonly solarise?: readonly [number, number];
  /** Standard deviation of noise added to every pixel, colours being 0 to 1; none by default. */
  readonly noise?: number;
}

function expectRange(name: string, values: readonly number[], low: number, high: number): void {
  for (const value of values) {
    if (!(value >= low && value <= high)) {
      throw new InputError(`Augmentation option ${name} is ${values.join(', ')}; expected numbers from ${low} to ${high}.`);
    }
  }
}

/** @throws {InputError} naming the option whose value makes no sense. */
export function checkAugmentation(options: AugmentationOptions): void {
  const { cropArea, aspect = 1, flip, jitterProbability, grey, blur, blurSigma, solarise = [0, 0], noise = 0, hue } = options;
  expectRange('cropArea', cropArea, 0.01, 1);
  expectRange('aspect', [aspect], 1, 10);
  expectRange('rotation', [options.rotation], 0, 180);
  expectRange('translation', [options.translation ?? 0], 0, 1);
  expectRange('flip', [flip], 0, 1);
  expectRange('brightness, contrast, saturation', [options.brightness, options.contrast, options.saturation], 0, 1);
  expectRange('hue', [hue], 0, 0.5);
  expectRange('jitterProbability', [jitterProbability], 0, 1);
  expectRange('grey', [grey], 0, 1);
  expectRange('blur', blur, 0, 1);
  expectRange('blurSigma', blurSigma, 0, 3);
  expectRange('solarise', solarise, 0, 1);
  expectRange('noise', [noise], 0, 1);
}
