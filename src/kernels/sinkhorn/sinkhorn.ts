import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import { checkProblem, type SinkhornOptions, type TransportProblem } from './problem.js';
import { differentiateInTiles, solveInTiles } from './tiled.js';
import { differentiateInWorkgroups, MAX_WORKGROUP_SIZE, solveInWorkgroups } from './workgroup.js';

export interface SinkhornResult {
  /** [B, n, m] */
  readonly plan: Tensor;
  /** [B]: L1 error of the row marginals (of the optimality of the rows, when they are relaxed). */
  readonly residual: Tensor;
  /** [B], u32: iterations done. */
  readonly iterationsUsed: Tensor;
}

/**
 * Problems of up to 256 rows and columns fit one workgroup, which saves two launches per iteration; larger ones are
 * spread over the device.
 */
function chooseVariant(engine: Engine, { batch, n, m, iterations, keep }: TransportProblem): 'workgroup' | 'simd' | 'tiled' {
  const small = Math.max(n, m) <= MAX_WORKGROUP_SIZE;
  if (!small) return engine.choose('sinkhorn', ['tiled'], 'tiled');
  return engine.choose(
    'sinkhorn',
    ['workgroup', 'simd', 'tiled'],
    engine.info.software ? 'simd' : 'workgroup',
    problemKey({ b: batch, n, m, t: iterations }, { gradient: keep }),
  );
}

/**
 * Entropic optimal transport for a batch of problems in the log domain, rows first, and its exact gradient by walking
 * the iterations backwards; differentiable in cost, a and b. Small problems run all iterations in one launch, large
 * ones (more than 256 rows or columns) two launches per iteration.
 *
 * P = argmin ⟨P, C⟩ + ε KL(P ‖ Π) with row sums a and column sums b (Cuturi 2013, arXiv 1306.0895), or with both
 * relaxed (Chizat et al. 2018, arXiv 1607.05816). A mass of 0 (or less) and a prior of 0 give plan entries of 0 and
 * no gradient to that mass, never NaN.
 *
 * The caller normalises: with hard marginals Σa must equal Σb for each problem, which is not checked here (the
 * masses stay on the device). Where they differ there is no solution, and the residual tends to |Σa − Σb| or more.
 *
 * For a gradient, 2 (n + m) numbers per problem and iteration stay in memory until the backward pass.
 * @param cost [B, n, m]
 * @param a [B, n] row masses
 * @param b [B, m] column masses
 * @throws {ShapeError} when shapes or options do not fit, or what a gradient has to keep exceeds the device's buffers
 */
export function sinkhorn(engine: Engine, cost: Tensor, a: Tensor, b: Tensor, options: SinkhornOptions): SinkhornResult {
  checkProblem(cost, a, b, options);
  const [batch, n, m] = cost.shape;
  const { epsilon, iterations, tolerance = 0, rho, prior } = options;
  const problem: TransportProblem = {
    batch,
    n,
    m,
    iterations,
    tolerance,
    inverseEpsilon: 1 / epsilon,
    lambda: rho === undefined ? 1 : rho / (rho + epsilon),
    relaxation: rho === undefined ? 0 : epsilon / (rho + epsilon),
    excess: rho === undefined ? 0 : epsilon / rho,
    logits: logitsOf(engine, cost, prior, epsilon),
    a,
    b,
    keep: engine.differentiates([cost, a, b]),
  };
  const variant = chooseVariant(engine, problem);
  const solution = variant === 'tiled' ? solveInTiles(engine, problem) : solveInWorkgroups(engine, problem, variant);
  engine.record('sinkhorn', [cost, a, b], [solution.plan], (context) => {
    const gradientOf = (index: number, input: Tensor): Tensor => (context.needs(index) ? context.target(index) : engine.empty(input.shape));
    const gradients = { dplan: context.gradient(0), dcost: gradientOf(0, cost), da: gradientOf(1, a), db: gradientOf(2, b) };
    if (variant === 'tiled') differentiateInTiles(engine, problem, solution, gradients);
    else differentiateInWorkgroups(engine, problem, solution, gradients, variant);
  });
  return { plan: solution.plan, residual: solution.residual, iterationsUsed: solution.used };
}

/** −cost / ε + log prior as two-part numbers [B, n, m, 2], very negative where the prior is 0. */
function logitsOf(engine: Engine, cost: Tensor, prior: Tensor | undefined, epsilon: number): Tensor {
  const y = engine.empty([...cost.shape, 2], 'f32', 'sinkhorn logits');
  // The first 12 bits of 1 / ε, whose products with 12 bits of a cost are exact, and the rest.
  const bits = new Uint32Array(new Float32Array([1 / epsilon]).buffer);
  bits[0] &= 0xfffff000;
  const [high] = new Float32Array(bits.buffer);
  engine.dispatch({
    shader: 'sinkhorn/logits',
    constants: { PRIOR: prior !== undefined },
    tensors: { cost, prior: prior ?? cost, y },
    params: { count: cost.size, period: prior?.size ?? 1, inverse_high: high, inverse_low: 1 / epsilon - high },
    workgroups: gridFor(cost.size),
    bytes: 4 * (3 * cost.size + (prior?.size ?? 0)),
  });
  return y;
}
