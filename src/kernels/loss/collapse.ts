import { ShapeError, formatShape, type Engine, type Tensor } from '../../engine/index.js';
import { itemLaunch } from '../elementwise/geometry.js';
import { columnMoments } from '../normalization/batch-norm.js';
import { l2Normalize } from '../normalization/l2-normalize.js';
import { finishSum, sumOf } from '../reduction/sum.js';

/**
 * Spread of features, a measure of collapse (Chen and He 2021): the mean over D of the standard deviation over the
 * rows of the L2-normalised features. About 1/√D for well spread ones, 0 when all rows are equal.
 * Not differentiable.
 * @param z [..., D]
 * @returns [1]
 */
export function featureStd(engine: Engine, z: Tensor): Tensor {
  return engine.noGrad(() => {
    const moments = columnMoments(engine, l2Normalize(engine, z));
    const [columns] = moments.shape;
    const variances = engine.empty([columns]);
    engine.dispatch({
      shader: 'layout/read_columns',
      tensors: { x: moments, y: variances },
      params: { rows: columns, columns: 1, stride: 2, offset: 1 },
      ...itemLaunch(engine, columns),
      bytes: 8 * columns,
    });
    return finishSum(engine, variances, { factor: 1 / columns, squareRoots: true });
  });
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
