/** Compares what a device computed with what the reference expects. */
import type { Expected } from './types.js';

/**
 * The largest error of an output, relative to its largest magnitude; Infinity when any element is not finite or the
 * number of elements is wrong. A projection counts with its error over the square root of the number of elements that it
 * sums, as rounding errors of random sign add up.
 */
export function relativeError(actual: ArrayLike<number>, { values, at, projection, rowProjection }: Expected): number {
  if (at ? at.length !== values.length : actual.length !== values.length) return Infinity;
  let largest = 0;
  for (let index = 0; index < actual.length; index++) {
    if (!Number.isFinite(actual[index])) return Infinity;
    // Where only some places are known, the scale is that of the whole output.
    if (at) largest = Math.max(largest, Math.abs(actual[index]));
  }
  let difference = 0;
  for (let index = 0; index < values.length; index++) {
    largest = Math.max(largest, Math.abs(values[index]));
    difference = Math.max(difference, Math.abs(actual[at ? at[index] : index] - values[index]));
  }
  if (projection) {
    let sum = 0;
    for (let index = 0; index < actual.length; index++) sum += actual[index] * projection.weights[index];
    difference = Math.max(difference, Math.abs(sum - projection.value) / Math.sqrt(actual.length));
  }
  if (rowProjection) {
    const { weights, values: wanted } = rowProjection;
    if (actual.length !== weights.length * wanted.length) return Infinity;
    for (let row = 0; row < wanted.length; row++) {
      let sum = 0;
      for (let column = 0; column < weights.length; column++) sum += actual[row * weights.length + column] * weights[column];
      difference = Math.max(difference, Math.abs(sum - wanted[row]) / Math.sqrt(weights.length));
    }
  }
  return largest === 0 ? difference : difference / largest;
}
