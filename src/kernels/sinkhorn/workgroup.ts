/** Small problems: all iterations in one launch, a problem to a group of lanes. */
import { gridFor, type Engine } from '../../engine/index.js';
import { logitsOf } from './logits.js';
import { CHECK_EVERY, historyFor, type LogitsSolution, type TransportGradients, type TransportProblem } from './problem.js';
import { backwardWork, forwardWork } from './work.js';

/** Rows or columns that a workgroup takes at most: the backward pass keeps four numbers of each in workgroup memory. */
export const MAX_WORKGROUP_SIZE = 256;

const WORKGROUP_BYTES = 16384;

/** How a workgroup is divided: lanes of one problem, and problems. */
interface Geometry {
  readonly lanes: number;
  readonly slots: number;
}

/** 'workgroup': as many lanes as rows or columns; 'simd': the four lanes of a software adapter's SIMD group. */
export type WorkgroupVariant = 'workgroup' | 'simd';

/** The launch in the log domain, of all problems or of those that are left with 0 iterations. */
export function solveByLogits(engine: Engine, problem: TransportProblem, solution: LogitsSolution, variant: WorkgroupVariant, left: boolean): void {
  const { batch, n, m, iterations, tolerance, relaxation, excess, a, b, keep } = problem;
  const { lanes, slots } = geometryOf(variant, problem);
  const { logits, plan, residual, used, history } = solution;
  engine.dispatch({
    shader: 'sinkhorn/sinkhorn',
    constants: { N: n, M: m, LANES: lanes, SLOTS: slots, KEEP: keep, LEFT: left },
    tensors: { logits, a, b, plan, residual, used, history },
    params: { problems: batch, iterations, check_every: CHECK_EVERY, tolerance, relaxation, excess },
    workgroups: gridFor(batch, slots),
    // What is left over is few or none.
    ...(left ? {} : forwardWork(problem)),
  });
}

function geometryOf(variant: WorkgroupVariant, { n, m }: TransportProblem): Geometry {
  // One group of 4 SIMD lanes: a barrier costs a software adapter a switch per group.
  if (variant === 'simd') return { lanes: 4, slots: 1 };
  const lanes = Math.min(128, Math.max(8, 2 ** Math.ceil(Math.log2(Math.max(n, m)))));
  return { lanes, slots: Math.max(1, 32 / lanes) };
}

/** Plan, residual and iterations of every problem, in one launch. */
export function solveInWorkgroups(engine: Engine, problem: TransportProblem, variant: WorkgroupVariant): LogitsSolution {
  const { batch, n, m, iterations } = problem;
  const solution = {
    logits: logitsOf(engine, problem),
    plan: engine.empty([batch, n, m]),
    residual: engine.empty([batch]),
    used: engine.empty([batch], 'u32'),
    history: historyFor(engine, problem, [batch, iterations + 1, n + m, 2]),
  };
  solveByLogits(engine, problem, solution, variant, false);
  return solution;
}

/** The gradient of `solveByLogits`, in one launch, of all problems or of those that were left to it; of these it writes every element of dcost, da and db. */
export function differentiateInWorkgroups(
  engine: Engine,
  problem: TransportProblem,
  { history, logits }: LogitsSolution,
  gradients: TransportGradients,
  variant: WorkgroupVariant,
  left = false,
): void {
  const { batch, n, m, iterations, inverseEpsilon, lambda, relaxation, a, b } = problem;
  const { lanes, slots } = geometryOf(variant, problem);
  const sums = slots * n * m;
  const inWorkgroup = 4 * (sums + 4 * slots * (n + m)) <= WORKGROUP_BYTES;
  engine.dispatch({
    shader: 'sinkhorn/sinkhorn_backward',
    constants: { N: n, M: m, LANES: lanes, SLOTS: slots, IN_WORKGROUP: inWorkgroup, SUMS: inWorkgroup ? sums : 1 },
    tensors: { logits, a, b, history, ...gradients },
    params: { problems: batch, iterations, inverse_epsilon: inverseEpsilon, lambda, relaxation },
    workgroups: gridFor(batch, slots),
    ...(left ? {} : backwardWork(problem)),
  });
}
