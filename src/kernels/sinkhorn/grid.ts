/** Problems of middle size: all iterations in one launch, a problem to a grid of lanes, which keep its matrix in registers. */
import { gridFor, type Engine } from '../../engine/index.js';
import { logitsOf } from './logits.js';
import { CHECK_EVERY, historyFor, type TransportGradients, type TransportProblem } from './problem.js';
import { fillMatrix, offsetsOf, type ScaledSolution } from './scaling.js';
import { backwardWork, forwardWork } from './work.js';
import { differentiateInWorkgroups, solveByLogits } from './workgroup.js';

/** Entries of a block along a side, and blocks of a tile at most. */
const BLOCK = 4;
const MAX_BLOCKS = 4;
/** With 4 x 4 blocks each, what lanes exchange fills the 16 KiB of workgroup memory. */
const MAX_LANES = 112;

/** Lanes and blocks per lane along either side. */
interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly rowBlocks: number;
  readonly columnBlocks: number;
}

/** The grid with tiles of up to `blocks` x `blocks` blocks. */
function gridOf({ n, m }: { readonly n: number; readonly m: number }, blocks: number): Grid {
  const [rows, columns] = [n, m].map((size) => Math.ceil(size / (BLOCK * blocks)));
  return { rows, columns, rowBlocks: Math.ceil(n / rows / BLOCK), columnBlocks: Math.ceil(m / columns / BLOCK) };
}

const fits = ({ rows, columns }: Grid): boolean => rows * columns <= MAX_LANES;

/** Whether a problem of this size has a grid. */
export const fitsGrid = (size: { readonly n: number; readonly m: number }, blocks = MAX_BLOCKS): boolean => fits(gridOf(size, blocks));

/**
 * The largest tiles on a software adapter, which has no registers to run out of and executes few lanes at once; the smallest
 * that fit a workgroup elsewhere.
 */
function chooseGrid(engine: Engine, problem: TransportProblem): Grid {
  const sizes = engine.info.software ? [MAX_BLOCKS] : [1, 2, 3, MAX_BLOCKS];
  return sizes.map((blocks) => gridOf(problem, blocks)).find(fits) ?? gridOf(problem, MAX_BLOCKS);
}

function constantsOf(engine: Engine, problem: TransportProblem) {
  const { rows, columns, rowBlocks, columnBlocks } = chooseGrid(engine, problem);
  return { N: problem.n, M: problem.m, GRID_ROWS: rows, GRID_COLUMNS: columns, ROW_BLOCKS: rowBlocks, COLUMN_BLOCKS: columnBlocks, RELAXED: problem.relaxation > 0 };
}

/** The lanes of the launch for problems out of range. */
const lanesFor = (engine: Engine): 'simd' | 'workgroup' => (engine.info.software ? 'simd' : 'workgroup');

/** Plan, residual and iterations of every problem; results as `solveInWorkgroups` gives them. */
export function solveInGrids(engine: Engine, problem: TransportProblem): ScaledSolution {
  const { batch, n, m, iterations, tolerance, relaxation, excess, a, b, keep } = problem;
  const logits = logitsOf(engine, problem);
  const results = { plan: engine.empty([batch, n, m]), residual: engine.empty([batch]), used: engine.empty([batch], 'u32') };
  const history = historyFor(engine, problem, [batch, iterations + 1, n + m, 2]);
  const { lines } = offsetsOf(engine, problem, logits, history);
  // The plan's buffer holds the matrix until the plan is there.
  fillMatrix(engine, problem, logits, lines, results.plan);
  engine.dispatch({
    shader: 'sinkhorn/sinkhorn_grid',
    constants: { ...constantsOf(engine, problem), KEEP: keep },
    tensors: { a, b, lines, ...results, history },
    params: { problems: batch, iterations, check_every: CHECK_EVERY, tolerance, relaxation, excess },
    workgroups: gridFor(batch, 1),
    ...forwardWork(problem),
  });
  const solution = { ...results, history, logits, lines };
  solveByLogits(engine, problem, solution, lanesFor(engine), true);
  return solution;
}

/** The gradient of `solveInGrids`; writes every element of dcost, da and db. */
export function differentiateInGrids(engine: Engine, problem: TransportProblem, solution: ScaledSolution, gradients: TransportGradients): void {
  const { batch, iterations, inverseEpsilon, lambda, relaxation, a, b } = problem;
  const { history, logits, lines } = solution;
  // Until the end, the buffer of the cost's gradient holds the matrix.
  fillMatrix(engine, problem, logits, lines, gradients.dcost);
  engine.dispatch({
    shader: 'sinkhorn/sinkhorn_grid_backward',
    constants: constantsOf(engine, problem),
    tensors: { history, a, b, ...gradients },
    params: { problems: batch, iterations, inverse_epsilon: inverseEpsilon, lambda, relaxation },
    workgroups: gridFor(batch, 1),
    ...backwardWork(problem),
  });
  differentiateInWorkgroups(engine, problem, solution, gradients, lanesFor(engine), true);
}
