import type { Engine, Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import { checkProblem, type SinkhornOptions, type TransportGradients, type TransportProblem, type TransportSolution } from './problem.js';
import { differentiateInThreads, MAX_THREAD_SIZE, solveInThreads } from './thread.js';
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
 * Problems of up to 16 rows and columns fit the registers of a thread (on a GPU up to 12: with 16 the matrix alone would
 * take all registers that a thread has), problems of up to 256 fit a workgroup; both save two launches per iteration.
 * Larger ones are spread over the device.
 */
function chooseVariant(engine: Engine, { batch, n, m, iterations, keep }: TransportProblem): 'thread' | 'workgroup' | 'simd' | 'tiled' {
  const size = Math.max(n, m);
  const { software } = engine.info;
  if (size > MAX_WORKGROUP_SIZE) return engine.choose('sinkhorn', ['tiled'], 'tiled');
  const problem = problemKey({ b: batch, n, m, t: iterations }, { gradient: keep });
  const lanes = software ? 'simd' : 'workgroup';
  if (size > MAX_THREAD_SIZE) return engine.choose('sinkhorn', ['workgroup', 'simd', 'tiled'], lanes, problem);
  return engine.choose('sinkhorn', ['thread', 'workgroup', 'simd', 'tiled'], software || size <= 12 ? 'thread' : lanes, problem);
}

/** The solution by the chosen variant, and its backward pass. */
function solve(engine: Engine, problem: TransportProblem): { solution: TransportSolution; differentiate: (gradients: TransportGradients) => void } {
  const variant = chooseVariant(engine, problem);
  if (variant === 'thread') {
    const solution = solveInThreads(engine, problem);
    return { solution, differentiate: (gradients) => differentiateInThreads(engine, problem, solution, gradients) };
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
 * backwards; differentiable in cost, a and b. Problems of up to 16 rows and columns run all iterations in one launch, by
 * default a problem to a thread (on a GPU up to 12), in scalings of a matrix of exponentials taken once; problems whose
 * scalings leave the range of f32 are solved again in the log domain by a second launch. Larger ones iterate in the log domain: up to 256
 * rows and columns in one launch, beyond that two launches per iteration.
 *
 * P = argmin ⟨P, C⟩ + ε KL(P ‖ Π) with row sums a and column sums b (Cuturi 2013, arXiv 1306.0895), or with both
 * relaxed (Chizat et al. 2018, arXiv 1607.05816). A mass of 0 (or less) and a prior of 0 give plan entries of 0 and
 * no gradient to that mass, never NaN.
 *
 * The caller normalises: with hard marginals Σa must equal Σb for each problem, which is not checked here (the
 * masses stay on the device). Where they differ there is no solution, and the residual tends to |Σa − Σb| or more.
 *
 * For a gradient, numbers of every problem stay in memory until the backward pass: 2 (n + m) per iteration (and once
 * more), or, where a problem has a thread of its own, m per iteration (and once more) besides 2 n m + n + m + 1.
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
