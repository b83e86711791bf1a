/** The gradient of every parameter of a training step beside that of the same step from other kernels. */
import { sizeOf } from '../../src/engine/index.js';
import type { ArenaLayout } from '../../src/model/parameters.js';
import type { CheckedOutput } from '../harness/subject.js';

/**
 * Each parameter's gradient is compared relative to its own largest element, or to this share of the largest of all where
 * that is more: gradients of biases before a batch normalisation are 0 but for rounding.
 */
const LEAST_SCALE = 1e-2;

/**
 * The gradient of every parameter, with what it must be, element by element.
 * @param layout where each parameter lies
 */
export function gradientsCompared({ specs, offsets }: Pick<ArenaLayout, 'specs' | 'offsets'>, own: ArrayLike<number>, base: ArrayLike<number>, tolerance: number): CheckedOutput[] {
  const part = (moments: ArrayLike<number>, from: number, count: number, last: number): Float32Array => Float32Array.from({ length: count + 1 }, (_, at) => (at < count ? moments[from + at] : last));
  let largest = 0;
  for (let at = 0; at < base.length; at++) largest = Math.max(largest, Math.abs(base[at]));
  return specs.map(({ name, shape }) => {
    const [from, count] = [offsets.get(name) ?? 0, sizeOf(shape)];
    // One more element, the same in both: errors are relative to the largest in what is expected.
    const scale = LEAST_SCALE * largest;
    return { output: `gradient of ${name}`, actual: part(own, from, count, scale), expected: { values: part(base, from, count, scale), tolerance } };
  });
}

/**
 * Largest length of the difference between the gradients of a parameter in mixed precision and in f32, relative to the
 * latter's. Rounding to f16 moves some values across the kink of a ReLU, and each takes a whole gradient with it: single
 * elements differ by a third of the largest. By length it was at most 12 % for tiny, 6 % for small (8 to 32 faces) and 4 % for
 * swin-t at 112 x 112 (8 faces; SwiftShader); a gradient that is missing differs by 100 %.
 */
const MIXED_GRADIENT_TOLERANCE = 0.5;

/** The same for mixed precision: the length of each parameter's difference over that of what is expected. */
export function gradientLengthsCompared({ specs, offsets }: Pick<ArenaLayout, 'specs' | 'offsets'>, own: ArrayLike<number>, base: ArrayLike<number>): CheckedOutput[] {
  let all = 0;
  for (let at = 0; at < base.length; at++) all += base[at] ** 2;
  return specs.map(({ name, shape }) => {
    const from = offsets.get(name) ?? 0;
    const end = from + sizeOf(shape);
    let [difference, length] = [0, 0];
    for (let at = from; at < end; at++) {
      difference += (own[at] - base[at]) ** 2;
      length += base[at] ** 2;
    }
    const error = Math.sqrt(difference) / Math.max(Math.sqrt(length), LEAST_SCALE * Math.sqrt(all));
    return { output: `gradient of ${name}`, actual: [error], expected: { values: [0], tolerance: MIXED_GRADIENT_TOLERANCE } };
  });
}
