/**
 * The smallest problems: all iterations in one launch, a problem to a thread, which keeps its matrix in registers. A second
 * launch does those whose scalings left the range of f32, in the log domain; all others of its threads end at once.
 */
import { gridFor, type Engine } from '../../engine/index.js';
import { CHECK_EVERY, historyFor, splitInverse, type TransportGradients, type TransportProblem, type TransportSolution } from './problem.js';

/** Rows or columns that a thread takes at most: 4 x 4 blocks of 4 x 4 numbers. */
export const MAX_THREAD_SIZE = 16;

/** Problems of a workgroup. */
const PROBLEMS = 32;

/** Plan, residual and iterations of every problem; results as `solveInWorkgroups` gives them. */
export function solveInThreads(engine: Engine, problem: TransportProblem): TransportSolution {
  const { batch, n, m, iterations, tolerance, relaxation, excess, inverseEpsilon, cost, prior, a, b, keep } = problem;
  const solution = {
    plan: engine.empty([batch, n, m]),
    residual: engine.empty([batch]),
    used: engine.empty([batch], 'u32'),
    // Its rows are those of sinkhorn_thread.wgsl and sinkhorn_thread_log.wgsl.
    history: historyFor(engine, problem, [Math.ceil(batch / PROBLEMS), 1 + (iterations + 1) * m + 2 * n * m + n + m, PROBLEMS]),
  };
  const { history: record, ...results } = solution;
  /** The same for both launches. */
  const call = {
    tensors: { cost, prior: prior ?? cost, a, b, ...results, record },
    params: { problems: batch, iterations, check_every: CHECK_EVERY, tolerance, relaxation, excess, period: prior?.size ?? 1, ...splitInverse(inverseEpsilon) },
    workgroups: gridFor(batch, PROBLEMS),
  };
  const constants = { N: n, M: m, PROBLEMS, PRIOR: prior !== undefined, KEEP: keep };
  engine.dispatch({
    ...call,
    shader: 'sinkhorn/sinkhorn_thread',
    constants: { ...constants, RELAXED: relaxation > 0 },
    flops: batch * n * m * iterations * 2 * 2,
    bytes: 4 * (cost.size + (prior?.size ?? 0) + a.size + b.size + solution.plan.size + (keep ? batch * ((iterations + 1) * m + n * m) : 0)),
  });
  engine.dispatch({ ...call, shader: 'sinkhorn/sinkhorn_thread_log', constants });
  return solution;
}

/** The gradient of `solveInThreads`; writes every element of dcost, da and db. */
export function differentiateInThreads(engine: Engine, problem: TransportProblem, { history: record }: TransportSolution, gradients: TransportGradients): void {
  const { batch, n, m, iterations, inverseEpsilon, lambda, relaxation, a, b } = problem;
  const call = {
    constants: { N: n, M: m, PROBLEMS, RELAXED: relaxation > 0 },
    tensors: { record, a, b, ...gradients },
    params: { problems: batch, iterations, inverse_epsilon: inverseEpsilon, lambda, relaxation },
    workgroups: gridFor(batch, PROBLEMS),
  };
  engine.dispatch({
    ...call,
    shader: 'sinkhorn/sinkhorn_thread_backward',
    flops: batch * n * m * iterations * 2 * 5,
    bytes: 4 * (2 * batch * n * m + 2 * (a.size + b.size) + batch * ((iterations + 1) * m + n * m)),
  });
  engine.dispatch({ ...call, shader: 'sinkhorn/sinkhorn_thread_log_backward' });
}
