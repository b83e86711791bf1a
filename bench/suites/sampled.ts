/** Float64 values of matrix products and linear layers at some places: whole references would take minutes. */
import { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { erf } from '../../test/reference/elementwise.js';
import type { OpCase } from './case.js';

/** Places of an output that are compared; where each costs a sum over sums, fewer. */
const PLACES = 48;
const FEW_PLACES = 6;

/** Evenly spread places with the first and the last. */
function places(size: number, wanted: number): number[] {
  const spread = Array.from({ length: wanted }, (_, at) => Math.floor(((at + 0.5) * size) / wanted));
  return [...new Set([0, ...spread, size - 1])];
}

function sampled(size: number, wanted: number, tolerance: number, value: (place: number) => number): Expected {
  const at = places(size, wanted);
  return { at, values: at.map(value), tolerance };
}

function sum(count: number, term: (at: number) => number): number {
  let total = 0;
  for (let at = 0; at < count; at++) total += term(at);
  return total;
}

/** Of y = a b, a [m, k], b [k, n]. */
export function sampledProduct(m: number, n: number, k: number): OpCase['expected'] {
  return ({ inputs: { a, b }, dy }, wanted) => ({
    ...(wanted('y') ? { y: sampled(m * n, PLACES, FORWARD_TOLERANCE, (p) => sum(k, (at) => a[Math.floor(p / n) * k + at] * b[at * n + (p % n)])) } : {}),
    ...(wanted('d/d a')
      ? { 'd/d a': sampled(m * k, PLACES, GRADIENT_TOLERANCE, (p) => sum(n, (at) => dy[Math.floor(p / k) * n + at] * b[(p % k) * n + at])) }
      : {}),
    ...(wanted('d/d b')
      ? { 'd/d b': sampled(k * n, PLACES, GRADIENT_TOLERANCE, (p) => sum(m, (at) => a[at * k + Math.floor(p / n)] * dy[at * n + (p % n)])) }
      : {}),
  });
}

/** Of y = aᵀ b alone, a [k, m] named dy, b [k, n] named x. */
export function sampledTransposed(m: number, n: number, k: number): OpCase['expected'] {
  return ({ inputs: { dy: a, x: b } }) => ({
    y: sampled(m * n, PLACES, FORWARD_TOLERANCE, (p) => sum(k, (at) => a[at * m + Math.floor(p / n)] * b[at * n + (p % n)])),
  });
}

/** Φ(x) + x φ(x), the derivative of GELU. */
function geluSlope(x: number): number {
  return 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

/** Of y = activation(x Wᵀ + bias) + residual, x [m, k], weight [n, k]. */
export function sampledLinear(m: number, n: number, k: number, gelu: boolean): OpCase['expected'] {
  return ({ inputs: { x, weight, bias, residual }, dy }, wanted) => {
    const before = (i: number, j: number): number => bias[j] + sum(k, (at) => x[i * k + at] * weight[j * k + at]);
    const slope = (i: number, j: number): number => dy[i * n + j] * (gelu ? geluSlope(before(i, j)) : 1);
    const count = gelu ? FEW_PLACES : PLACES;
    const outputs: Record<string, () => Expected> = {
      y: () =>
        sampled(m * n, PLACES, FORWARD_TOLERANCE, (p) => {
          const value = before(Math.floor(p / n), p % n);
          return (gelu ? 0.5 * value * (1 + erf(value / Math.SQRT2)) : value) + (residual ? residual[p] : 0);
        }),
      'd/d x': () => sampled(m * k, count, GRADIENT_TOLERANCE, (p) => sum(n, (j) => slope(Math.floor(p / k), j) * weight[j * k + (p % k)])),
      'd/d weight': () => sampled(n * k, count, GRADIENT_TOLERANCE, (p) => sum(m, (i) => slope(i, Math.floor(p / k)) * x[i * k + (p % k)])),
      'd/d bias': () => sampled(n, count, GRADIENT_TOLERANCE, (j) => sum(m, (i) => slope(i, j))),
      ...(residual ? { 'd/d residual': () => sampled(m * n, PLACES, GRADIENT_TOLERANCE, (p) => dy[p]) } : {}),
    };
    return Object.fromEntries(Object.entries(outputs).flatMap(([output, make]) => (wanted(output) ? [[output, make()]] : [])));
  };
}
