/** Float64 references of the elementwise ops. */

/** Error function: Taylor series up to |x| = 3, continued fraction of erfc beyond (Abramowitz and Stegun 7.1.5, 7.1.14). */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z <= 3) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 120; n++) {
      term *= -(z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = z;
  for (let n = 60; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction));
}

/** x Φ(x). */
export function gelu(x: ArrayLike<number>): Float64Array {
  return Float64Array.from(x, (value) => 0.5 * value * (1 + erf(value / Math.SQRT2)));
}

/** max(x, 0). */
export function relu(x: ArrayLike<number>): Float64Array {
  return Float64Array.from(x, (value) => Math.max(value, 0));
}
