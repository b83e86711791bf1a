/**
 * Effective rank of unit-norm features, as the participation ratio (sum of eigenvalues)^2 / (sum of their squares)
 * of their covariance: between 1 and D, near 1 when the representation has collapsed to a line, 0 to a point.
 * @param secondMoment [D, D]: sum of z z^T over the features
 * @param mean [D]
 * @param count number of features
 */
export function effectiveRank(secondMoment: ArrayLike<number>, mean: ArrayLike<number>, count: number): number {
  const dim = mean.length;
  let trace = 0;
  let squares = 0;
  for (let row = 0; row < dim; row++) {
    for (let column = 0; column < dim; column++) {
      const covariance = secondMoment[row * dim + column] / count - mean[row] * mean[column];
      // The trace of the squared covariance is its squared Frobenius norm: no eigenvalues are needed.
      squares += covariance * covariance;
      if (row === column) trace += covariance;
    }
  }
  return squares > 0 ? (trace * trace) / squares : 0;
}
