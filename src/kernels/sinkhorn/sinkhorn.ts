import type { Engine, Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import { differentiateInGrids, fitsGrid, solveInGrids } from './grid.js';
import { checkProblem, type SinkhornOptions, type TransportGradients, type TransportProblem, type TransportSolution } from './problem.js';
import { differentiateSmall, MAX_SMALL_SIZE, solveSmall } from './small.js';
import { differentiateInTiles, solveInTiles } from './tiled.js';
import { differentiateInWorkgroups, MAX_WORKGROUP_SIZE, solveInWorkgroups } from './workgroup.js';

/** What {@link sinkhorn} gives for each of its B problems. Only the plan is differentiable. */
export interface SinkhornResult {
  /** [B, n, m], f32: the mass that goes from each row to each column. */
  readonly plan: Tensor;
  /** [B], f32: L1 error of the row marginals, in units of mass (of the optimality of the rows, when they are relaxed). */
  readonly residual: Tensor;
  /** [B], u32: iterations done. */
  readonly iterationsUsed: Tensor;
}

type Variant = 'thread' | 'lanes' | 'grid' | 'workgroup' | 'simd' | 'tiled';

/** The GPU's largest tile: 8 x 8 entries, and twice that backward, are what its registers hold beside everything else. */
const GPU_BLOCKS = 2;

/**
 * Problems of up to 16 rows and columns fit the registers of a thread, larger ones those of a grid of lanes; both save two
 * launches per iteration. A thread of a GPU does not have that many registers, and 64 problems would be 64 threads of
 * thousands: there (by reasoning: none was at hand) a small problem has several lanes, and a grid takes up to 80. What is left and fits a workgroup iterates there in the log domain on a GPU: sizes between the largest grid and 128.
 * All larger ones are spread over the device.
 */
function chooseVariant(engine: Engine, { batch, n, m, iterations, keep }: TransportProblem): Variant {
  const size = Math.max(n, m);
  const { software } = engine.info;
  if (size > MAX_WORKGROUP_SIZE) return engine.choose('sinkhorn', ['tiled'], 'tiled');
  const problem = problemKey({ b: batch, n, m, t: iterations }, { gradient: keep });
  const grid = fitsGrid({ n, m });
  const small = size <= MAX_SMALL_SIZE;
  const candidates: Variant[] = ['workgroup', 'simd', 'tiled', ...(grid ? (['grid'] as const) : []), ...(small ? (['thread', 'lanes'] as const) : [])];
  const larger = size <= 128 && !software ? 'workgroup' : 'tiled';
  const rule = small ? (software ? 'thread' : 'lanes') : grid && (software || fitsGrid({ n, m }, GPU_BLOCKS)) ? 'grid' : larger;
  return engine.choose('sinkhorn', candidates, rule, problem);
}

/** The solution by the chosen variant, and its backward pass. */
function solve(engine: Engine, problem: TransportProblem): { solution: TransportSolution; differentiate: (gradients: TransportGradients) => void } {
  const variant = chooseVariant(engine, problem);
  if (variant === 'thread' || variant === 'lanes') {
    const solution = solveSmall(engine, problem, variant);
    return { solution, differentiate: (gradients) => differentiateSmall(engine, problem, solution, gradients, variant) };
  }
  if (variant === 'grid') {
    const solution = solveInGrids(engine, problem);
    return { solution, differentiate: (gradients) => differentiateInGrids(engine, problem, solution, gradients) };
  }
  if (variant === 'tiled') {
    const solution = solveInTiles(engine, problem);
    return { solution, differentiate: (gradients) => differentiateInTiles(engine, problem, solution, gradients) };
  }
  const solution = solveInWorkgroups(engine, problem, variant);
  return { solution, differentiate: (gradients) => differentiateInWorkgroups(engine, problem, solution, gradients, variant) };
}

/**
 * Entropic optimal transport for a batch of problems, rows first, and its exact gradient by walking the iterations
 * backwards; differentiable in cost, a and b. Problems iterate in scalings of a matrix of exponentials taken once: all
 * iterations in one launch, by default a problem to a thread up to 16 rows and columns (on a GPU to 2 to 8 lanes) and to a
 * grid of lanes up to about 160 (on a GPU 80), and two launches per iteration beyond. On a GPU, problems of 81 to 128
 * rows or columns have a workgroup each, still in one launch, which iterates in the log domain. Scalings that leave the range
 * of f32 are replaced by the log domain, in the same launches or by a second one; see docs/sinkhorn.md.
 *
 * P = argmin ⟨P, C⟩ + ε KL(P ‖ Π) with row sums a and column sums b (Cuturi 2013, arXiv 1306.0895), or with both
 * relaxed (Chizat et al. 2018, arXiv 1607.05816). A mass of 0 (or less) and a prior of 0 give plan entries of 0 and
 * no gradient to that mass, never NaN.
 *
 * The caller normalises: with hard marginals Σa must equal Σb for each problem, which is not checked here (the
 * masses stay on the device). Where they differ there is no solution, and the residual tends to |Σa − Σb| or more.
 *
 * For a gradient, numbers of every problem stay in memory until the backward pass: 2 (n + m) per iteration (and once
 * more) and 4 (n + m), or, where a problem has a thread of its own, m per iteration (and once more) besides 2 n m + n + m + 1.
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
    cost,
    prior,
    a,
    b,
    keep: engine.differentiates([cost, a, b]),
  };
  const { solution, differentiate } = solve(engine, problem);
  engine.record('sinkhorn', [cost, a, b], [solution.plan], (context) => {
    const gradientOf = (index: number, input: Tensor): Tensor => (context.needs(index) ? context.target(index) : engine.empty(input.shape));
    differentiate({ dplan: context.gradient(0), dcost: gradientOf(0, cost), da: gradientOf(1, a), db: gradientOf(2, b) });
  });
  return { plan: solution.plan, residual: solution.residual, iterationsUsed: solution.used };
}
