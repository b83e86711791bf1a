import { expectShape, formatShape, gridFor, ShapeError, type Engine, type Tensor } from '../../engine/index.js';

/** How a transport problem is regularised and for how long it is iterated. */
export interface SinkhornOptions {
  /** Strength ε > 0 of the entropy (or of the KL divergence to the prior). */
  readonly epsilon: number;
  /** Iterations at most; one is a row update and a column update. */
  readonly iterations: number;
  /**
   * A problem stops once its residual falls below this, looked at every 5 iterations. 0 (default): never early.
   */
  readonly tolerance?: number;
  /** Marginals relaxed by ρ · KL(P 1 ‖ a) + ρ · KL(Pᵀ 1 ‖ b); hard marginals when left out. */
  readonly rho?: number;
  /** Reference measure Π ≥ 0, [n, m] or [B, n, m]: the plan minimises ⟨P, C⟩ + ε KL(P ‖ Π). No gradient flows to it. */
  readonly prior?: Tensor;
}

export interface SinkhornResult {
  /** [B, n, m] */
  readonly plan: Tensor;
  /** [B]: L1 error of the row marginals (of the optimality of the rows, when they are relaxed). */
  readonly residual: Tensor;
  /** [B], u32: iterations done. */
  readonly iterationsUsed: Tensor;
}

/** Rows or columns that the single-dispatch kernels take: their vectors must fit 16 KiB of workgroup memory. */
export const MAX_SINKHORN_SIZE = 256;

const CHECK_EVERY = 5;
const WORKGROUP_BYTES = 16384;

interface Geometry {
  readonly batch: number;
  readonly n: number;
  readonly m: number;
  readonly lanes: number;
  readonly slots: number;
}

function geometryOf(engine: Engine, cost: Tensor, a: Tensor, b: Tensor, options: SinkhornOptions): Geometry {
  const { epsilon, iterations, tolerance = 0, rho, prior } = options;
  if (cost.shape.length !== 3) throw new ShapeError(`sinkhorn: cost has shape ${formatShape(cost.shape)}, expected [B, n, m].`);
  const [batch, n, m] = cost.shape;
  if (n > MAX_SINKHORN_SIZE || m > MAX_SINKHORN_SIZE) {
    throw new ShapeError(`sinkhorn: problems of ${n} x ${m} are too large; at most ${MAX_SINKHORN_SIZE} rows and columns are supported.`);
  }
  expectShape('sinkhorn: a', a.shape, [batch, n]);
  expectShape('sinkhorn: b', b.shape, [batch, m]);
  if (prior) expectShape('sinkhorn: prior', prior.shape, prior.shape.length === 2 ? [n, m] : [batch, n, m]);
  if (!(epsilon > 0)) throw new ShapeError(`sinkhorn: epsilon is ${epsilon}, expected a positive number.`);
  if (!Number.isInteger(iterations) || iterations < 1) {
    throw new ShapeError(`sinkhorn: iterations is ${iterations}, expected a whole number of at least 1.`);
  }
  if (!(tolerance >= 0)) throw new ShapeError(`sinkhorn: tolerance is ${tolerance}, expected 0 or more.`);
  if (rho !== undefined && !(rho > 0)) throw new ShapeError(`sinkhorn: rho is ${rho}, expected a positive number.`);
  const longest = Math.max(n, m);
  if (engine.info.software) {
    // One group of 4 SIMD lanes: a barrier costs a software adapter a switch per group.
    return { batch, n, m, lanes: 4, slots: 1 };
  }
  const lanes = Math.min(128, Math.max(8, 2 ** Math.ceil(Math.log2(longest))));
  return { batch, n, m, lanes, slots: Math.max(1, 32 / lanes) };
}

function dispatchBackward(
  engine: Engine,
  { batch, n, m, lanes, slots }: Geometry,
  tensors: { cost: Tensor; a: Tensor; b: Tensor; history: Tensor; dplan: Tensor; dcost: Tensor; da: Tensor; db: Tensor },
  params: { iterations: number; inverse_epsilon: number; lambda: number },
): void {
  const sums = slots * n * m;
  const inWorkgroup = 4 * (sums + 5 * slots * (n + m)) <= WORKGROUP_BYTES;
  engine.dispatch({
    shader: 'sinkhorn/sinkhorn_backward',
    constants: { N: n, M: m, LANES: lanes, SLOTS: slots, IN_WORKGROUP: inWorkgroup, SUMS: inWorkgroup ? sums : 1 },
    tensors,
    params: { ...params, problems: batch },
    workgroups: gridFor(batch, slots),
    flops: batch * n * m * params.iterations * 2 * 7,
    bytes: 4 * (3 * tensors.cost.size + tensors.history.size),
  });
}

/**
 * Entropic optimal transport for a batch of small problems, all iterations in one dispatch (log domain, rows first),
 * and its exact gradient by walking the iterations backwards; differentiable in cost, a and b.
 *
 * P = argmin ⟨P, C⟩ + ε KL(P ‖ Π) with row sums a and column sums b (Cuturi 2013, arXiv 1306.0895), or with both
 * relaxed (Chizat et al. 2018, arXiv 1607.05816). A mass of 0 (or less) and a prior of 0 give plan entries of 0 and
 * no gradient to that mass, never NaN.
 *
 * The caller normalises: with hard marginals Σa must equal Σb for each problem, which is not checked here (the
 * masses stay on the device). Where they differ there is no solution, and the residual tends to |Σa − Σb| or more.
 * @param cost [B, n, m]
 * @param a [B, n] row masses
 * @param b [B, m] column masses
 * @throws {ShapeError} when shapes or options do not fit, or a problem has more than 256 rows or columns
 */
export function sinkhorn(engine: Engine, cost: Tensor, a: Tensor, b: Tensor, options: SinkhornOptions): SinkhornResult {
  const geometry = geometryOf(engine, cost, a, b, options);
  const { batch, n, m, lanes, slots } = geometry;
  const { epsilon, iterations, tolerance = 0, rho, prior } = options;
  const effective = prior ? withPrior(engine, cost, prior, epsilon) : cost;
  const plan = engine.empty([batch, n, m]);
  const residual = engine.empty([batch]);
  const used = engine.empty([batch], 'u32');
  const history = engine.empty([batch, iterations + 1, n + m]);
  const shared = { iterations, inverse_epsilon: 1 / epsilon, lambda: rho === undefined ? 1 : rho / (rho + epsilon) };
  engine.dispatch({
    shader: 'sinkhorn/sinkhorn',
    constants: { N: n, M: m, LANES: lanes, SLOTS: slots },
    tensors: { cost: effective, a, b, plan, residual, used, history },
    params: { ...shared, problems: batch, check_every: CHECK_EVERY, tolerance },
    workgroups: gridFor(batch, slots),
    flops: batch * n * m * iterations * 2 * 5,
    bytes: 4 * (cost.size + plan.size + history.size),
  });
  engine.record('sinkhorn', [cost, a, b], [plan], (context) => {
    const gradientOf = (index: number, input: Tensor) => (context.needs(index) ? context.target(index) : engine.empty(input.shape));
    dispatchBackward(
      engine,
      geometry,
      { cost: effective, a, b, history, dplan: context.gradient(0), dcost: gradientOf(0, cost), da: gradientOf(1, a), db: gradientOf(2, b) },
      shared,
    );
  });
  return { plan, residual, iterationsUsed: used };
}

/** cost − ε log prior, and a cost that forbids the entry where the prior is 0. */
function withPrior(engine: Engine, cost: Tensor, prior: Tensor, epsilon: number): Tensor {
  const y = engine.empty(cost.shape);
  engine.dispatch({
    shader: 'sinkhorn/with_prior',
    tensors: { cost, prior, y },
    params: { count: cost.size, period: prior.size, epsilon },
    workgroups: gridFor(cost.size),
    bytes: 4 * (2 * cost.size + prior.size),
  });
  return y;
}
