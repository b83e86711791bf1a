import { ShapeError, formatShape, type Engine, type Tensor } from '../../engine/index.js';
import { columnMoments } from '../normalization/batch-norm.js';
import { l2Normalize } from '../normalization/l2-normalize.js';
import { finishSum, sumOf } from '../reduction/sum.js';

/** Measures of features of unit length. */
export interface FeatureSpread {
  /** [1]: mean over D of the standard deviation over the rows: about 1/√D for well spread ones, 0 when all rows are equal. */
  readonly std: Tensor;
  /** [D, 2]: mean and population variance of each column. */
  readonly moments: Tensor;
}

/**
 * Spread of features, a measure of collapse (Chen and He 2021). Not differentiable.
 * @param features [..., D], of unit length
 */
export function featureSpread(engine: Engine, features: Tensor): FeatureSpread {
  const moments = columnMoments(engine, features);
  return { std: finishSum(engine, moments, { first: 1, stride: 2, factor: 1 / moments.shape[0], squareRoots: true }), moments };
}

/**
 * As `featureSpread`, of the L2-normalised features. Not differentiable.
 * @param z [..., D]
 * @returns [1]
 */
export function featureStd(engine: Engine, z: Tensor): Tensor {
  return engine.noGrad(() => featureSpread(engine, l2Normalize(engine, z)).std);
}

/**
 * Mean entropy of transport plans of mass 1, −Σ P log P / log(n m): 1 for a uniform plan, log n / log(n m) for a
 * permutation of n regions. Not differentiable.
 * @param plan [B, n, m]
 * @returns [1]
 * @throws {ShapeError} when plan does not have three dimensions or holds a single entry
 */
export function planEntropy(engine: Engine, plan: Tensor): Tensor {
  const [batch, n, m] = plan.shape;
  if (plan.shape.length !== 3 || n * m < 2) {
    throw new ShapeError(`planEntropy: plan has shape ${formatShape(plan.shape)}, expected [B, n, m] with more than one entry.`);
  }
  return sumOf(engine, plan, { map: 'xLogX', factor: -1 / (batch * Math.log(n * m)) });
}
