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

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/** Φ(x) + x φ(x), the derivative of GELU. */
function geluSlope(x: number): number {
  return 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

/** Of y = activation(x Wᵀ + bias) + residual, x [m, k], weight [n, k]. */
export function sampledLinear(m: number, n: number, k: number, activated: boolean): OpCase['expected'] {
  return ({ inputs: { x, weight, bias, residual }, dy }, wanted) => {
    const before = (i: number, j: number): number => bias[j] + sum(k, (at) => x[i * k + at] * weight[j * k + at]);
    const slope = (i: number, j: number): number => dy[i * n + j] * (activated ? geluSlope(before(i, j)) : 1);
    const count = activated ? FEW_PLACES : PLACES;
    const outputs: Record<string, () => Expected> = {
      y: () =>
        sampled(m * n, PLACES, FORWARD_TOLERANCE, (p) => {
          const value = before(Math.floor(p / n), p % n);
          return (activated ? gelu(value) : value) + (residual ? residual[p] : 0);
        }),
      'd/d x': () => sampled(m * k, count, GRADIENT_TOLERANCE, (p) => sum(n, (j) => slope(Math.floor(p / k), j) * weight[j * k + (p % k)])),
      'd/d weight': () => sampled(n * k, count, GRADIENT_TOLERANCE, (p) => sum(m, (i) => slope(i, Math.floor(p / k)) * x[i * k + (p % k)])),
      'd/d bias': () => sampled(n, count, GRADIENT_TOLERANCE, (j) => sum(m, (i) => slope(i, j))),
      ...(residual ? { 'd/d residual': () => sampled(m * n, PLACES, GRADIENT_TOLERANCE, (p) => dy[p]) } : {}),
    };
    return Object.fromEntries(Object.entries(outputs).flatMap(([output, make]) => (wanted(output) ? [[output, make()]] : [])));
  };
}

/** x [tokens, inputs], a hidden layer, and the result [tokens, outputs]. */
export interface MlpSizes {
  readonly tokens: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly outputs: number;
}

/** Of y = gelu(x Uᵀ + u) Dᵀ + d + residual, U [hidden, inputs], D [outputs, hidden]. */
export function sampledMlp({ tokens: m, inputs: k, hidden: h, outputs: n }: MlpSizes): OpCase['expected'] {
  return ({ inputs: { x, up, upBias, down, downBias, residual }, dy }, wanted) => {
    const before = (i: number, u: number): number => upBias[u] + sum(k, (at) => x[i * k + at] * up[u * k + at]);
    const hidden = (i: number, u: number): number => gelu(before(i, u));
    const slope = (i: number, u: number): number => geluSlope(before(i, u)) * sum(n, (j) => dy[i * n + j] * down[j * h + u]);
    const gradient = (size: number, value: (place: number) => number): Expected => sampled(size, FEW_PLACES, GRADIENT_TOLERANCE, value);
    const outputs: Record<string, () => Expected> = {
      y: () =>
        sampled(m * n, FEW_PLACES, FORWARD_TOLERANCE, (p) => downBias[p % n] + residual[p] + sum(h, (u) => hidden(Math.floor(p / n), u) * down[(p % n) * h + u])),
      'd/d x': () => gradient(m * k, (p) => sum(h, (u) => slope(Math.floor(p / k), u) * up[u * k + (p % k)])),
      'd/d up': () => gradient(h * k, (p) => sum(m, (i) => slope(i, Math.floor(p / k)) * x[i * k + (p % k)])),
      'd/d upBias': () => gradient(h, (u) => sum(m, (i) => slope(i, u))),
      'd/d down': () => gradient(n * h, (p) => sum(m, (i) => dy[i * n + Math.floor(p / h)] * hidden(i, p % h))),
      'd/d downBias': () => gradient(n, (j) => sum(m, (i) => dy[i * n + j])),
      'd/d residual': () => sampled(m * n, PLACES, GRADIENT_TOLERANCE, (p) => dy[p]),
    };
    return Object.fromEntries(Object.entries(outputs).flatMap(([output, make]) => (wanted(output) ? [[output, make()]] : [])));
  };
}
