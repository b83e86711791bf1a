import { InputError, ShapeError, expectShape, formatShape, gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import { dotOf, scaleByScalar } from '../reduction/sum.js';

/** Limits of the relation kernels: workgroup memory for the mean feature, and one lane per region. */
const MAX_COLUMNS = 1024;
const MAX_REGIONS = 64;
const MAX_PRIOR_REGIONS = 32;

/**
 * Transported cost, mean over the batch of Σ P C; differentiable in both. A plan from `noGrad` is a constant, so its
 * gradient costs nothing then.
 * @param plan [B, n, m]
 * @param cost [B, n, m]
 * @returns [1]
 * @throws {ShapeError} when the shapes differ
 */
export function transportLoss(engine: Engine, plan: Tensor, cost: Tensor): Tensor {
  expectShape('transportLoss: cost', cost.shape, plan.shape);
  const factor = 1 / plan.shape[0];
  const loss = dotOf(engine, plan, cost, factor);
  engine.record('transportLoss', [plan, cost], [loss], (context) => {
    const dloss = context.gradient(0);
    if (context.needs(0)) scaleByScalar(engine, dloss, factor, context.target(0), cost);
    if (context.needs(1)) scaleByScalar(engine, dloss, factor, context.target(1), plan);
  });
  return loss;
}

/**
 * Masses for the transport between two views' sets of region features (after UniVIP, Li et al. 2022):
 * a_n = max(floor, o_n · mean_r t_r) and b_m = max(floor, t_m · mean_r o_r), each side divided by its sum. Rows belong
 * to o. The floor and the equal mass are ours: without them the balanced transport has no solution.
 * The masses are constants: no gradient flows through them.
 * @param o [B, R, D], unit-norm; R ≤ 64, D ≤ 1024
 * @param t the same shape, unit-norm
 * @returns a and b, [B, R] each, rows of sum 1
 * @throws {ShapeError} when the shapes differ or exceed these sizes
 */
export function relationMarginals(engine: Engine, o: Tensor, t: Tensor, floor = 1e-3): { a: Tensor; b: Tensor } {
  expectShape('relationMarginals: t', t.shape, o.shape);
  const [batch, regions, columns] = o.shape;
  if (o.shape.length !== 3 || regions > MAX_REGIONS || columns > MAX_COLUMNS) {
    throw new ShapeError(
      `relationMarginals: o has shape ${formatShape(o.shape)}, expected [B, R, D] with R at most ${MAX_REGIONS} and D at most ${MAX_COLUMNS}.`,
    );
  }
  const a = engine.empty([batch, regions]);
  const b = engine.empty([batch, regions]);
  const work = { tensors: { o, t, a, b }, flops: 6 * o.size, bytes: 8 * o.size };
  const problem = problemKey({ b: batch, r: regions, c: columns });
  const variant = engine.choose('relation-marginals', ['workgroup', 'serial'], engine.info.software ? 'serial' : 'workgroup', problem);
  if (variant === 'serial') {
    const params = { batch, regions, columns, least: floor };
    engine.dispatch({ shader: 'loss/relation_marginals_serial', params, workgroups: gridFor(2 * batch, 16), ...work });
  } else {
    engine.dispatch({ shader: 'loss/relation_marginals', params: { regions, columns, least: floor }, workgroups: [batch, 2], ...work });
  }
  return { a, b };
}

/**
 * Moves the relation prior, in place, towards the symmetrised mean plan of a batch:
 * prior = max(floor, decay · prior + (1 − decay) · mean((P + Pᵀ) / 2) / mass), divided by its sum.
 * @param prior [R, R], R ≤ 32, mass 1
 * @param plan [B, R, R]
 * @param floor keeps every pair alive
 * @param scale [2] of `clipScale` or `clipScaledGradients`, whose factor 0 (a skipped step) leaves the prior as it is
 * @throws {ShapeError} when prior and plan do not fit
 * @throws {InputError} when decay is not within 0 to 1
 */
export function priorUpdate(engine: Engine, prior: Tensor, plan: Tensor, decay: number, { floor = 1e-4, scale }: { floor?: number; scale?: Tensor } = {}): void {
  const [batch, regions] = plan.shape;
  expectShape('priorUpdate: plan', plan.shape, [batch, regions, regions]);
  expectShape('priorUpdate: prior', prior.shape, [regions, regions]);
  if (regions > MAX_PRIOR_REGIONS) throw new ShapeError(`priorUpdate: ${regions} regions given, expected at most ${MAX_PRIOR_REGIONS}.`);
  if (!(decay >= 0 && decay <= 1)) throw new InputError(`priorUpdate: decay is ${decay}, expected a number from 0 to 1.`);
  engine.dispatch({
    shader: 'loss/prior_update',
    constants: { GATED: Boolean(scale) },
    tensors: { plan, prior, gate: scale ?? plan },
    params: { batch, regions, decay, least: floor },
    workgroups: [1],
    flops: 2 * plan.size,
    bytes: 4 * plan.size,
  });
}
