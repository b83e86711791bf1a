/** Compares a computed tensor with the one that a case holds. */
import { formatShape } from '../engine/index.js';
import type { CaseTensor } from './case.js';

/** How far a computed tensor is from the expected one. */
export interface Comparison {
  readonly kind: 'output' | 'gradient';
  readonly name: string;
  readonly shape: readonly number[];
  /** Largest difference; Infinity where one side is not finite and the other is not the same. */
  readonly absoluteError: number;
  /** Largest difference over `scale`. */
  readonly relativeError: number;
  /** Largest magnitude of the expected tensor, or what stands in for it (see `scaleOf`). */
  readonly scale: number;
  readonly tolerance: number;
  readonly passed: boolean;
  /** Where the difference is largest; null when the shapes differ. */
  readonly worst: { readonly index: readonly number[]; readonly expected: number; readonly actual: number } | null;
  /** What is wrong, in words; null when it passed. */
  readonly problem: string | null;
}

/** What is compared, and how closely. */
export interface Comparand {
  readonly kind: Comparison['kind'];
  readonly name: string;
  readonly expected: CaseTensor;
  readonly tolerance: number;
  /** Largest magnitude of what the tensor is computed from: inputs, or cotangents for a gradient. */
  readonly source: number;
}

/**
 * A tensor that is nothing but the rounding of float64 has no magnitude of its own: a gradient that cancels, as
 * softmax's under a constant cotangent, is 1e-17 in the reference and 1e-8 in f32. Below this share of what it was
 * computed from, a tensor counts as zero. Float64 rounds at 1.1e-16; sums of a thousand terms stay well below.
 */
const CANCELLED = 1e-12;

/** Largest finite magnitude. */
export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < values.length; index++) {
    const magnitude = Math.abs(values[index]);
    if (magnitude > largest && magnitude !== Infinity) largest = magnitude;
  }
  return largest;
}

/** What errors are relative to: the expected tensor's largest magnitude, or its source's where the tensor is zero. */
function scaleOf({ expected, source }: Comparand): number {
  const own = largestMagnitude(expected.data);
  return own > CANCELLED * source ? own : source > 0 ? source : 1;
}

function indexOf(flat: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(flat % shape[axis]);
    flat = Math.floor(flat / shape[axis]);
  }
  return index;
}

function difference(expected: number, actual: number): number {
  // NaN where NaN is expected, and the same infinity, are right.
  if (Object.is(expected, actual) || expected === actual) return 0;
  const distance = Math.abs(expected - actual);
  return Number.isNaN(distance) ? Infinity : distance;
}

/**
 * @param actual elements of the computed tensor
 * @param shape its shape
 */
export function compare(comparand: Comparand, actual: ArrayLike<number>, shape: readonly number[]): Comparison {
  const { kind, name, expected, tolerance } = comparand;
  const scale = scaleOf(comparand);
  const common = { kind, name, shape: expected.shape, scale, tolerance };
  if (shape.length !== expected.shape.length || shape.some((extent, axis) => extent !== expected.shape[axis])) {
    const problem = `${kind} ${name} has shape ${formatShape(shape)}, expected ${formatShape(expected.shape)}`;
    return { ...common, absoluteError: Infinity, relativeError: Infinity, passed: false, worst: null, problem };
  }
  let absoluteError = 0;
  let at = 0;
  for (let index = 0; index < expected.data.length; index++) {
    const distance = difference(expected.data[index], actual[index]);
    if (distance > absoluteError) {
      absoluteError = distance;
      at = index;
    }
  }
  const relativeError = absoluteError / scale;
  const passed = relativeError <= tolerance;
  const worst = { index: indexOf(at, shape), expected: expected.data[at], actual: actual[at] };
  const problem = passed
    ? null
    : `${kind} ${name} at ${formatShape(worst.index)} is ${worst.actual}, expected ${worst.expected}: ` +
      `relative error ${relativeError.toExponential(1)}, allowed ${tolerance}`;
  return { ...common, absoluteError, relativeError, passed, worst, problem };
}
