/** Measures of collapse: whether the representation still tells faces apart. */

export interface FeatureSpread {
  /** Mean over the dimensions of the standard deviation of the unit-norm features; 1/sqrt(D) when spread evenly, 0 when collapsed. */
  readonly featureStd: number;
  /** Participation ratio (sum of eigenvalues)^2 / (sum of their squares) of the covariance: between 1 and D. */
  readonly effectiveRank: number;
}

/**
 * From sums over N unit-norm features of D dimensions.
 * @param secondMoment [D, D]: sum of z z^T
 * @param mean [D]
 */
export function featureSpread(secondMoment: ArrayLike<number>, mean: ArrayLike<number>, count: number): FeatureSpread {
  const dim = mean.length;
  let trace = 0;
  let squares = 0;
  let std = 0;
  for (let row = 0; row < dim; row++) {
    for (let column = 0; column < dim; column++) {
      const covariance = secondMoment[row * dim + column] / count - mean[row] * mean[column];
      // The trace of the squared covariance is its squared Frobenius norm: no eigenvalues are needed.
      squares += covariance * covariance;
      if (row === column) {
        trace += covariance;
        std += Math.sqrt(Math.max(0, covariance));
      }
    }
  }
  return { featureStd: std / dim, effectiveRank: squares > 0 ? (trace * trace) / squares : 0 };
}

/**
 * Mean entropy of transport plans, as a fraction of that of a uniform plan: 1 when everything goes everywhere.
 * @param plans [N, R, R], each with mass 1
 */
export function planEntropy(plans: ArrayLike<number>, cells: number): number {
  let sum = 0;
  for (let index = 0; index < plans.length; index++) {
    if (plans[index] > 0) sum -= plans[index] * Math.log(plans[index]);
  }
  return sum / (plans.length / cells) / Math.log(cells);
}
