/** Large problems: two launches per iteration, each spread over the whole device. */
import { gridFor, type Engine } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import { logitsOf } from './logits.js';
import { fillMatrix, offsetsOf, sidesOf, type ScaledSolution } from './scaling.js';
import { CHECK_EVERY, historyFor, type TransportGradients, type TransportProblem } from './problem.js';
import { backwardWork, forwardWork } from './work.js';

/** Iterations between two corrections of what rounding adds to the gradients of the masses. */
const BALANCE_EVERY = 16;

/** Rows or columns that a workgroup of an update takes. */
const LINES = 4;

/** How many invocations share four rows or columns of an update, and one elsewhere. */
const GEOMETRIES = {
  wide: { update: 128, line: 64 },
  // One SIMD group of a software adapter.
  narrow: { update: 4, line: 4 },
} as const satisfies Record<string, { readonly update: number; readonly line: number }>;

/** Constants and launch grids that the kernels of a problem share. */
function launchesOf(engine: Engine, problem: TransportProblem) {
  const { batch, n, m } = problem;
  const variant = engine.choose('sinkhorn-tiles', ['wide', 'narrow'], engine.info.software ? 'narrow' : 'wide', problemKey({ b: batch, n, m }));
  const { update, line } = GEOMETRIES[variant];
  const of = (lanes: number, workgroups: number) => ({ constants: { LANES: lanes }, workgroups: gridFor(workgroups, 1) });
  return {
    row: of(line, batch * n),
    column: of(line, batch * m),
    problems: of(line, batch),
    updateRows: of(update, batch * Math.ceil(n / LINES)),
    updateColumns: of(update, batch * Math.ceil(m / LINES)),
  };
}

/** Plan, residual and iterations of every problem; results as `solveInWorkgroups` gives them. */
export function solveInTiles(engine: Engine, problem: TransportProblem): ScaledSolution {
  const { batch, n, m, iterations, tolerance, relaxation, excess, a, b, keep } = problem;
  const logits = logitsOf(engine, problem);
  const launches = launchesOf(engine, problem);
  const sides = sidesOf(problem);
  const plan = engine.empty([batch, n, m]);
  const residual = engine.empty([batch]);
  const used = engine.zeros([batch], 'u32');
  const history = historyFor(engine, problem, [batch, iterations + 1, n + m, 2]);
  const miss = engine.empty([batch, n]);
  const work = forwardWork(problem);
  const { lines, scalings } = offsetsOf(engine, problem, logits, history);
  // The plan's buffer holds the matrix until the plan is there.
  const transposed = engine.empty([batch, m, n], 'f32', 'sinkhorn matrix, transposed');
  fillMatrix(engine, problem, logits, lines, plan, transposed);
  const update = (side: 'rows' | 'columns', step: number): void => {
    const launch = side === 'rows' ? launches.updateRows : launches.updateColumns;
    engine.dispatch({
      shader: 'sinkhorn/tiled_update',
      tensors: { logits, matrix: side === 'rows' ? plan : transposed, mass: side === 'rows' ? a : b, used, lines, scalings, history },
      params: { problems: batch, ...sides[side], step, iterations, relaxation },
      ...launch,
      constants: { ...launch.constants, KEEP: keep },
      flops: work.flops / (2 * iterations),
    });
  };
  const look = (step: number, store: boolean): void => {
    engine.dispatch({
      shader: 'sinkhorn/tiled_plan',
      tensors: { logits, a, lines, used, plan, miss },
      params: { problems: batch, n, m, excess },
      ...launches.row,
      constants: { ...launches.row.constants, STORE: store },
      ...(store ? { bytes: work.bytes } : {}),
    });
    engine.dispatch({
      shader: 'sinkhorn/tiled_residual',
      tensors: { miss, residual, used, lines, history },
      params: { problems: batch, n, m, step, iterations, tolerance },
      ...launches.problems,
      constants: { ...launches.problems.constants, KEEP: keep },
    });
  };
  for (let step = 1; step <= iterations; step++) {
    update('rows', step);
    update('columns', step);
    if (tolerance > 0 && step % CHECK_EVERY === 0 && step < iterations) look(step, false);
  }
  look(iterations, true);
  return { plan, residual, used, history, logits, lines };
}

/** The gradient of `solveInTiles`; writes every element of dcost, da and db. */
export function differentiateInTiles(engine: Engine, problem: TransportProblem, { plan, history, logits, lines }: ScaledSolution, { dplan, dcost, da, db }: TransportGradients): void {
  const { batch, n, m, iterations, inverseEpsilon, lambda, relaxation, a, b } = problem;
  const launches = launchesOf(engine, problem);
  const flows = engine.empty(history.shape, 'f32', 'sinkhorn flows');
  const inflow = engine.empty([batch, n]);
  const size = { problems: batch, n, m, iterations };
  const shared = { ...size, lambda, relaxation };
  // Until the end, the buffer of the cost's gradient holds the matrix.
  const transposed = engine.empty([batch, m, n], 'f32', 'sinkhorn matrix, transposed');
  fillMatrix(engine, problem, logits, lines, dcost, transposed);
  const bothSides = [
    { rows: true, mass: a, dmass: da, line: launches.row, update: launches.updateRows },
    { rows: false, mass: b, dmass: db, line: launches.column, update: launches.updateColumns },
  ] as const;
  for (const { rows, mass, dmass, line } of bothSides) {
    engine.dispatch({
      shader: 'sinkhorn/tiled_backward_start',
      tensors: { plan, dplan, mass, history, dcost, inflow, flows, dmass },
      params: shared,
      ...line,
      constants: { ...line.constants, ROWS: rows },
    });
  }
  const work = backwardWork(problem);
  for (let step = iterations; step >= 1; step--) {
    if (relaxation === 0 && step < iterations && (iterations - step) % BALANCE_EVERY === 0) {
      engine.dispatch({ shader: 'sinkhorn/tiled_backward_balance', tensors: { b, history, flows, dmass: db }, params: { ...size, step }, ...launches.problems });
    }
    for (const { rows, mass, dmass, update } of bothSides) {
      engine.dispatch({
        shader: 'sinkhorn/tiled_backward_update',
        tensors: { logits, transposed, mass, history, inflow, dcost, flows, dmass },
        params: { ...shared, step },
        ...update,
        constants: { ...update.constants, ROWS: rows },
        flops: work.flops / 2 / (2 * iterations),
      });
    }
  }
  engine.dispatch({
    shader: 'sinkhorn/tiled_backward_cost',
    tensors: { dplan, history, flows, dcost },
    params: { ...size, inverse_epsilon: inverseEpsilon },
    workgroups: gridFor(batch * Math.ceil(n / 16) * Math.ceil(m / 64), 1),
    flops: work.flops / 2,
    bytes: work.bytes,
  });
  for (const [mass, y] of [[a, da], [b, db]] as const) {
    engine.dispatch({ shader: 'sinkhorn/tiled_backward_finish', tensors: { mass, y }, params: { count: y.size }, workgroups: gridFor(y.size) });
  }
}
