/**
 * The smallest problems: all iterations in one launch, with the matrix in registers. A second launch does those whose
 * scalings left the range of f32, in the log domain; all others of its threads end at once.
 */
import { gridFor, type Engine } from '../../engine/index.js';
import { CHECK_EVERY, historyFor, splitInverse, type TransportGradients, type TransportProblem, type TransportSolution } from './problem.js';
import { backwardWork, forwardWork } from './work.js';

/** Rows or columns at most: a line is four blocks of four numbers. */
export const MAX_SMALL_SIZE = 16;

/** 'thread': a problem to a thread. 'lanes': a problem to 2 to 8 lanes, which have two rows and two columns each. */
export type SmallVariant = 'thread' | 'lanes';

/** Problems of a workgroup where each has a thread. */
const PROBLEMS = 32;
/** Lanes of a workgroup at most where problems have several: one SIMD group of most GPUs, whose barriers cost little. */
const LANES = 32;

/** How the launches of a variant are divided. */
interface Geometry {
  /** Problems of a workgroup. */
  readonly problems: number;
  /** Problems whose records are interleaved. */
  readonly neighbours: number;
  /** Constants of the variant's own kernels. */
  readonly constants: Readonly<Record<string, number>>;
}

function geometryOf(variant: SmallVariant, { n, m }: TransportProblem): Geometry {
  if (variant === 'thread') return { problems: PROBLEMS, neighbours: PROBLEMS, constants: { PROBLEMS } };
  const blocks = Math.ceil(Math.max(n, m) / 4);
  const slots = Math.floor(LANES / (2 * blocks));
  return { problems: slots, neighbours: 1, constants: { BLOCKS: blocks, SLOTS: slots } };
}

/** Constants of both launches in the log domain, and how many workgroups they have. */
const logLaunch = ({ batch, n, m }: TransportProblem, { neighbours }: Geometry) => ({
  constants: { N: n, M: m, PROBLEMS, NEIGHBOURS: neighbours },
  workgroups: gridFor(batch, PROBLEMS),
});

/** Plan, residual and iterations of every problem; results as `solveInWorkgroups` gives them. */
export function solveSmall(engine: Engine, problem: TransportProblem, variant: SmallVariant): TransportSolution {
  const { batch, n, m, iterations, tolerance, relaxation, excess, inverseEpsilon, cost, prior, a, b, keep } = problem;
  const geometry = geometryOf(variant, problem);
  const { problems, neighbours } = geometry;
  const solution = {
    plan: engine.empty([batch, n, m]),
    residual: engine.empty([batch]),
    used: engine.empty([batch], 'u32'),
    // Its rows are those of sinkhorn_thread.wgsl and sinkhorn_thread_log.wgsl.
    history: historyFor(engine, problem, [Math.ceil(batch / neighbours), 1 + (iterations + 1) * m + 2 * n * m + n + m, neighbours]),
  };
  const { history: record, ...results } = solution;
  /** The same for both launches. */
  const call = {
    tensors: { cost, prior: prior ?? cost, a, b, ...results, record },
    params: { problems: batch, iterations, check_every: CHECK_EVERY, tolerance, relaxation, excess, period: prior?.size ?? 1, ...splitInverse(inverseEpsilon) },
  };
  const options = { PRIOR: prior !== undefined, KEEP: keep };
  engine.dispatch({
    ...call,
    shader: `sinkhorn/sinkhorn_${variant}`,
    constants: { N: n, M: m, ...geometry.constants, ...options, RELAXED: relaxation > 0 },
    workgroups: gridFor(batch, problems),
    ...forwardWork(problem),
  });
  const { constants, workgroups } = logLaunch(problem, geometry);
  engine.dispatch({ ...call, shader: 'sinkhorn/sinkhorn_thread_log', constants: { ...constants, ...options }, workgroups });
  return solution;
}

/** The gradient of `solveSmall`; writes every element of dcost, da and db. */
export function differentiateSmall(engine: Engine, problem: TransportProblem, { history: record }: TransportSolution, gradients: TransportGradients, variant: SmallVariant): void {
  const { batch, n, m, iterations, inverseEpsilon, lambda, relaxation, a, b } = problem;
  const geometry = geometryOf(variant, problem);
  const call = {
    tensors: { record, a, b, ...gradients },
    params: { problems: batch, iterations, inverse_epsilon: inverseEpsilon, lambda, relaxation },
  };
  const options = { RELAXED: relaxation > 0 };
  engine.dispatch({
    ...call,
    shader: `sinkhorn/sinkhorn_${variant}_backward`,
    constants: { N: n, M: m, ...geometry.constants, ...options },
    workgroups: gridFor(batch, geometry.problems),
    ...backwardWork(problem),
  });
  const { constants, workgroups } = logLaunch(problem, geometry);
  engine.dispatch({ ...call, shader: 'sinkhorn/sinkhorn_thread_log_backward', constants: { ...constants, ...options }, workgroups });
}
