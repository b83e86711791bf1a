/** Correlation matrices of which only some entries are known. */
import { InputError } from '../../engine/errors.js';

/** One known entry: row i, column j (and j, i). */
export interface KnownCorrelation {
  readonly i: number;
  readonly j: number;
  readonly value: number;
}

const SWEEPS = 400;
const TOLERANCE = 1e-6;
/** When the known entries contradict each other they are all scaled by this factor until they do not. */
const SHRINK = 0.98;

/**
 * Lower-triangular Cholesky factor of a symmetric positive definite matrix, row-major [n, n].
 * @throws {InputError} when the matrix is not positive definite.
 */
export function choleskyFactor(matrix: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j];
      for (let k = 0; k < j; k++) sum -= factor[i * n + k] * factor[j * n + k];
      if (i !== j) factor[i * n + j] = sum / factor[j * n + j];
      else if (sum > 0) factor[i * n + i] = Math.sqrt(sum);
      else throw new InputError(`The correlation matrix is not positive definite at row ${i}: expected a positive pivot, got ${sum}.`);
    }
  }
  return factor;
}

/**
 * Adds `delta` (2x2, symmetric: a, b, d) to the precision matrix at (i, j) and updates its inverse `sigma` in place
 * (Woodbury identity of rank two).
 */
function updatePrecision(sigma: Float64Array, n: number, i: number, j: number, [a, b, d]: readonly number[]): void {
  const sii = sigma[i * n + i];
  const sij = sigma[i * n + j];
  const sjj = sigma[j * n + j];
  // M = I + S·delta (2x2); the update is sigma - U·delta·M^-1·Uᵀ with U the two columns of sigma.
  const m00 = 1 + sii * a + sij * b;
  const m01 = sii * b + sij * d;
  const m10 = sij * a + sjj * b;
  const m11 = 1 + sij * b + sjj * d;
  const det = m00 * m11 - m01 * m10;
  const g00 = (a * m11 - b * m10) / det;
  const g01 = (-a * m01 + b * m00) / det;
  const g10 = (b * m11 - d * m10) / det;
  const g11 = (-b * m01 + d * m00) / det;
  const ci = Float64Array.from({ length: n }, (_, r) => sigma[r * n + i]);
  const cj = Float64Array.from({ length: n }, (_, r) => sigma[r * n + j]);
  for (let r = 0; r < n; r++) {
    const left = ci[r] * g00 + cj[r] * g10;
    const right = ci[r] * g01 + cj[r] * g11;
    for (let c = 0; c < n; c++) sigma[r * n + c] -= left * ci[c] + right * cj[c];
  }
}

/** Iterative proportional scaling (Speed and Kiiveri 1986); undefined when it finds no positive definite completion. */
function tryComplete(n: number, known: readonly KnownCorrelation[]): Float64Array | undefined {
  const sigma = new Float64Array(n * n);
  for (let i = 0; i < n; i++) sigma[i * n + i] = 1;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let worst = 0;
    for (const { i, j, value } of known) {
      const sii = sigma[i * n + i];
      const sij = sigma[i * n + j];
      const sjj = sigma[j * n + j];
      worst = Math.max(worst, Math.abs(sij - value), Math.abs(sii - 1), Math.abs(sjj - 1));
      const wanted = 1 - value * value;
      const present = sii * sjj - sij * sij;
      if (!(present > 1e-9)) return undefined;
      updatePrecision(sigma, n, i, j, [1 / wanted - sjj / present, -value / wanted + sij / present, 1 / wanted - sii / present]);
    }
    if (worst < TOLERANCE) return sigma;
  }
  return undefined;
}

/**
 * The positive definite correlation matrix with the given entries and the largest determinant (Dempster 1972):
 * entries that nobody published follow from the others with as little extra dependence as possible.
 * Contradictory entries are shrunk towards 0 together until a completion exists.
 * @param n rows.
 * @param known listed entries, each pair at most once.
 * @returns row-major [n, n].
 */
export function completeCorrelation(n: number, known: readonly KnownCorrelation[]): Float64Array {
  for (let scale = 1; ; scale *= SHRINK) {
    const matrix = tryComplete(n, known.map(({ i, j, value }) => ({ i, j, value: value * scale })));
    if (!matrix) continue;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) matrix[j * n + i] = matrix[i * n + j];
      matrix[i * n + i] = 1;
    }
    return matrix;
  }
}
