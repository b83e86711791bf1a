/**
 * L2-regularised logistic regression along a path of regularisation strengths:
 * minimise (1/n) Σ log(1 + exp(−y′·(w·x + b))) + (λ/2)·‖w‖², y′ = ±1, the bias b not regularised.
 */
import { choleskyInPlace, choleskySolve } from './cholesky.js';
import { minimise } from './lbfgs.js';

/** Above this feature count a Gram matrix costs more than it saves, and L-BFGS runs without it. */
const GRAM_LIMIT = 256;
const TOLERANCE = 1e-6;
const MAX_ITERATIONS = 300;

/** Rows that lie one after the other: [first, end). */
export interface RowRange {
  readonly first: number;
  readonly end: number;
}

/** Standardised features and binary targets in memory. */
export interface LogisticData {
  /** [rows, dimension], row-major. */
  readonly features: Float64Array;
  readonly dimension: number;
  /** [rows], 0 or 1. */
  readonly targets: Uint8Array;
}

/** Σ x·xᵀ of the features of some rows, with a column of ones appended: [D + 1, D + 1], lower triangle only. */
export function gramMatrix(data: LogisticData, { first, end }: RowRange): Float64Array | null {
  const { features, dimension } = data;
  if (dimension > GRAM_LIMIT) return null;
  const size = dimension + 1;
  const gram = new Float64Array(size * size);
  for (let row = first; row < end; row++) {
    const base = row * dimension;
    for (let i = 0; i < dimension; i++) {
      const value = features[base + i];
      const target = i * size;
      for (let j = 0; j <= i; j++) gram[target + j] += value * features[base + j];
      gram[dimension * size + i] += value;
    }
    gram[size * size - 1] += 1;
  }
  return gram;
}

/** log(1 + exp(z)) without overflow. */
function softplus(z: number): number {
  return z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z));
}

/** 1 / (1 + exp(−z)), the probability of "present" at logit z. */
export function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

/** w·x + b for one row of the data. @param weights [D + 1], the bias last */
export function logitOf(data: LogisticData, row: number, weights: Float64Array): number {
  const { features, dimension } = data;
  const base = row * dimension;
  // Four running sums: independent additions, which the processor overlaps.
  let a = weights[dimension];
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < dimension; i += 4) {
    a += weights[i] * features[base + i];
    b += weights[i + 1] * features[base + i + 1];
    c += weights[i + 2] * features[base + i + 2];
    d += weights[i + 3] * features[base + i + 3];
  }
  for (; i < dimension; i++) a += weights[i] * features[base + i];
  return a + b + (c + d);
}

/** Value of the regularised mean loss over the rows; its gradient goes to `gradient` [D + 1]. */
export function logisticLoss(
  data: LogisticData,
  ranges: readonly RowRange[],
  lambda: number,
  weights: Float64Array,
  gradient: Float64Array,
): number {
  const { features, dimension, targets } = data;
  let loss = 0;
  let count = 0;
  gradient.fill(0);
  for (const { first, end } of ranges) {
    count += end - first;
    for (let row = first; row < end; row++) {
      const logit = logitOf(data, row, weights);
      const target = targets[row];
      loss += softplus(target ? -logit : logit);
      const residual = sigmoid(logit) - target;
      const base = row * dimension;
      for (let i = 0; i < dimension; i++) gradient[i] += residual * features[base + i];
      gradient[dimension] += residual;
    }
  }
  let norm = 0;
  for (let i = 0; i < dimension; i++) {
    gradient[i] = gradient[i] / count + lambda * weights[i];
    norm += weights[i] * weights[i];
  }
  gradient[dimension] /= count;
  return loss / count + (lambda / 2) * norm;
}

/** Mean logistic loss over the rows, not regularised. */
export function meanLogLoss(logits: Float64Array, targets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += softplus(targets[i] ? -logits[i] : logits[i]);
  return sum / logits.length;
}

/**
 * An approximate inverse Hessian, π(1−π)·XᵀX/n + λ factored: the exact one where all probabilities are the base
 * rate π, and close enough elsewhere that L-BFGS needs few passes over the data.
 */
function preconditioner(
  grams: readonly Float64Array[],
  size: number,
  count: number,
  baseRate: number,
  lambda: number,
): ((vector: Float64Array) => void) | undefined {
  const factor = new Float64Array(size * size);
  const scale = (baseRate * (1 - baseRate)) / count;
  for (const gram of grams) for (let i = 0; i < factor.length; i++) factor[i] += scale * gram[i];
  for (let i = 0; i < size - 1; i++) factor[i * size + i] += lambda;
  if (!choleskyInPlace(factor, size)) return undefined;
  return (vector) => choleskySolve(factor, size, vector);
}

/**
 * Fits one model per λ, each starting from the one before.
 * @param ranges the rows to fit
 * @param grams {@link gramMatrix} of each range, or nulls
 * @param lambdas strongest first, all above 0
 * @returns [D + 1] weights per λ, the bias last. Where all targets are the same the weights are 0 and the bias is
 *   the log-odds with half a face added to each side (Jeffreys' prior), because the best bias would be infinite.
 */
export function fitPath(
  data: LogisticData,
  ranges: readonly RowRange[],
  grams: readonly (Float64Array | null)[],
  lambdas: readonly number[],
): Float64Array[] {
  const size = data.dimension + 1;
  let count = 0;
  let positives = 0;
  for (const { first, end } of ranges) {
    count += end - first;
    for (let row = first; row < end; row++) positives += data.targets[row];
  }
  const weights = new Float64Array(size);
  weights[size - 1] = Math.log((positives + 0.5) / (count - positives + 0.5));
  if (positives === 0 || positives === count) return lambdas.map(() => weights.slice());
  const known = grams.filter((gram) => gram !== null);
  return lambdas.map((lambda) => {
    minimise((point, gradient) => logisticLoss(data, ranges, lambda, point, gradient), weights, {
      precondition:
        known.length > 0 ? preconditioner(known, size, count, positives / count, lambda) : undefined,
      tolerance: TOLERANCE,
      maxIterations: MAX_ITERATIONS,
    });
    return weights.slice();
  });
}
