/**
 * The self-supervised losses between an online network's predictions and a target network's projections of the
 * other view. Rows are view-major: row v * B + i is view v of face i.
 */
import type { Engine, Tensor } from '../engine/index.js';
import { affine } from '../kernels/elementwise/index.js';
import { gatherRows, transpose01 } from '../kernels/layout/index.js';
import { contrastiveCrossEntropy, negativeCosine, relationMarginals, transportLoss } from '../kernels/loss/index.js';
import { matmul } from '../kernels/matmul/index.js';
import { batchNorm } from '../kernels/normalization/index.js';
import { sinkhorn } from '../kernels/sinkhorn/index.js';
import type { ObjectiveConfig } from './presets.js';

/** One term of the objective: a scalar [1] and its weight. */
export interface Term {
  readonly name: 'global' | 'region' | 'contrast' | 'relation';
  readonly value: Tensor;
  readonly weight: number;
}

/** The transport of one step, for logs and for the running prior. */
export interface Transport {
  /** [N, R, R]: rows are the online view's regions, columns the target's. */
  readonly plan: Tensor;
  /** [N]: L1 distance of the plan's row sums from the row marginal. */
  readonly residual: Tensor;
}

/** The two views swapped: rows [v2; v1] of a tensor whose rows are [v1; v2]. No gradient flows. */
export function swapViews(engine: Engine, x: Tensor): Tensor {
  const [rows] = x.shape;
  const order = Uint32Array.from({ length: rows }, (_, row) => (row + rows / 2) % rows);
  return gatherRows(engine, x, engine.tensor(order, [rows]));
}

/**
 * Takes each person's own mean out of their region features and scales what is left to variance 1: what remains is how
 * a frame differs from the person's other frames in the batch, in both views. The person as such, which is the easiest
 * thing to recognise and says nothing about AUs, is then of no use to any loss between regions.
 * @param x [2B, R, D], rows (view, frame, person) with `groupSize` frames of each person; with 1 there is no mean to
 *   take out and x is returned as it is
 */
export function relativeToPerson(engine: Engine, x: Tensor, groupSize: number): Tensor {
  if (groupSize < 2) return x;
  const rows = 2 * groupSize;
  const columns = x.size / rows;
  const ones = engine.tensor(new Float32Array(columns).fill(1), [columns]);
  const zeros = engine.tensor(new Float32Array(columns), [columns]);
  return engine.reshape(batchNorm(engine, engine.reshape(x, [rows, columns]), ones, zeros), x.shape);
}

/** Negative cosine of the global features: predicted [N, D] against the other view's target [N, D]. */
export function globalTerm(engine: Engine, predicted: Tensor, target: Tensor, config: ObjectiveConfig): Term {
  return { name: 'global', value: negativeCosine(engine, predicted, target), weight: config.global };
}

/** Negative cosine of each AU region's feature, [N, R, D] each, averaged over faces and regions. */
export function regionTerm(engine: Engine, predicted: Tensor, target: Tensor, config: ObjectiveConfig): Term {
  const [faces, regions, dim] = predicted.shape;
  const rows = (x: Tensor) => engine.reshape(x, [faces * regions, dim]);
  return { name: 'region', value: negativeCosine(engine, rows(predicted), rows(target)), weight: config.region };
}

/**
 * InfoNCE per region (van den Oord et al. 2018; momentum target as in He et al. 2020): a region's prediction must
 * find the same face's region in the other view among the same region of all other faces of the batch. With each
 * person's mean taken out (see relativeToPerson), what the region does is left to tell frames apart. Our addition.
 * @param predicted, target [N, R, D], of unit length
 * @param groups i32 [N], equal for rows of the same face: the face's own other row is no negative
 */
export function contrastTerm(
  engine: Engine,
  predicted: Tensor,
  target: Tensor,
  groups: Tensor,
  config: ObjectiveConfig,
): Term {
  const logits = matmul(engine, transpose01(engine, predicted), transpose01(engine, target), { transposeB: true });
  const value = contrastiveCrossEntropy(engine, logits, { temperature: config.contrastTemperature, groups });
  return { name: 'contrast', value, weight: config.contrast };
}

/**
 * Optimal transport between the two views' sets of region features (after UniVIP, Li et al. 2022), improved by a
 * learned reference measure: P = argmin <P, C> + epsilon KL(P || prior) with cost C = 1 - cosine and marginals from
 * each region's similarity to the other view; the term is the transported cost, 1 - sum P cos.
 * @param predicted, target [N, R, D], of unit length
 * @param prior [R, R], a probability distribution over AU pairs
 */
export function relationTerm(
  engine: Engine,
  predicted: Tensor,
  target: Tensor,
  prior: Tensor,
  config: ObjectiveConfig,
): { term: Term; transport: Transport } {
  const cost = affine(engine, matmul(engine, predicted, target, { transposeB: true }), -1, 1);
  const solve = () => {
    const { a, b } = relationMarginals(engine, predicted, target, config.relationFloor);
    return sinkhorn(engine, cost, a, b, {
      epsilon: config.relationEpsilon,
      iterations: config.relationIterations,
      prior,
      ...(config.relationRho === null ? {} : { rho: config.relationRho }),
    });
  };
  const { plan, residual } = config.relationThroughPlan ? solve() : engine.noGrad(solve);
  return { term: { name: 'relation', value: transportLoss(engine, plan, cost), weight: config.relation }, transport: { plan, residual } };
}
