/** Large problems: two launches per iteration, each spread over the whole device. */
import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import { logitsOf } from './logits.js';
import { CHECK_EVERY, historyFor, type LogitsSolution, type TransportGradients, type TransportProblem } from './problem.js';

/** Iterations between two corrections of what rounding adds to the gradients of the masses. */
const BALANCE_EVERY = 16;

/** How many invocations share a row, and how many columns and slices of rows make a workgroup of a column kernel. */
interface TileGeometry {
  readonly rowLanes: number;
  readonly columns: number;
  readonly slices: number;
}

const GEOMETRIES = {
  wide: { rowLanes: 64, columns: 16, slices: 8 },
  // One SIMD group of a software adapter: the column kernels need no barrier then.
  narrow: { rowLanes: 4, columns: 4, slices: 1 },
} as const satisfies Record<string, TileGeometry>;

function tileGeometry(engine: Engine, { batch, n, m }: TransportProblem): TileGeometry {
  return GEOMETRIES[engine.choose('sinkhorn-tiles', ['wide', 'narrow'], engine.info.software ? 'narrow' : 'wide', problemKey({ b: batch, n, m }))];
}

/** Constants and launch grids that the kernels of a problem share. */
function launchesOf(engine: Engine, problem: TransportProblem) {
  const { batch, n, m } = problem;
  const { rowLanes, columns, slices } = tileGeometry(engine, problem);
  return {
    rows: { constants: { LANES: rowLanes }, workgroups: gridFor(batch * n, 1) },
    columns: { constants: { COLUMNS: columns, SLICES: slices }, workgroups: gridFor(batch * Math.ceil(m / columns), 1) },
    problems: { constants: { LANES: rowLanes }, workgroups: gridFor(batch, 1) },
  };
}

/** Plan, residual and iterations of every problem; results as `solveInWorkgroups` gives them. */
export function solveInTiles(engine: Engine, problem: TransportProblem): LogitsSolution {
  const { batch, n, m, iterations, tolerance, relaxation, excess, a, b, keep } = problem;
  const logits = logitsOf(engine, problem);
  const launches = launchesOf(engine, problem);
  const plan = engine.empty([batch, n, m]);
  const residual = engine.empty([batch]);
  const used = engine.zeros([batch], 'u32');
  const history = historyFor(engine, problem, [batch, iterations + 1, n + m, 2]);
  const u = engine.empty([batch, n, 2]);
  const v = engine.zeros([batch, m, 2]);
  const miss = engine.empty([batch, n]);
  const shared = { problems: batch, n, m };
  const work = { flops: 5 * plan.size, bytes: 4 * logits.size };
  const look = (step: number, store: boolean): void => {
    engine.dispatch({
      shader: 'sinkhorn/tiled_plan',
      tensors: { logits, a, u, v, used, plan, miss },
      params: { ...shared, excess },
      ...launches.rows,
      constants: { ...launches.rows.constants, STORE: store },
      ...work,
    });
    engine.dispatch({
      shader: 'sinkhorn/tiled_residual',
      tensors: { miss, residual, used },
      params: { problems: batch, n, step, iterations, tolerance },
      ...launches.problems,
    });
  };
  for (let step = 1; step <= iterations; step++) {
    const params = { ...shared, step, iterations, relaxation };
    engine.dispatch({
      shader: 'sinkhorn/tiled_rows',
      tensors: { logits, a, v, used, u, history },
      params,
      ...launches.rows,
      constants: { ...launches.rows.constants, KEEP: keep },
      ...work,
    });
    engine.dispatch({
      shader: 'sinkhorn/tiled_columns',
      tensors: { logits, b, u, used, v, history },
      params,
      ...launches.columns,
      constants: { ...launches.columns.constants, KEEP: keep },
      ...work,
    });
    if (tolerance > 0 && step % CHECK_EVERY === 0 && step < iterations) look(step, false);
  }
  look(iterations, true);
  return { plan, residual, used, history, logits };
}

/** In place: y · factor, or y / mass. */
function finish(engine: Engine, y: Tensor, factor: number, mass: Tensor, masses: boolean): void {
  engine.dispatch({
    shader: 'sinkhorn/tiled_backward_finish',
    constants: { MASSES: masses },
    tensors: { mass, y },
    params: { count: y.size, factor },
    workgroups: gridFor(y.size),
    bytes: 8 * y.size,
  });
}

/** The gradient of `solveInTiles`; writes every element of dcost, da and db. */
export function differentiateInTiles(
  engine: Engine,
  problem: TransportProblem,
  { plan, used, history, logits }: LogitsSolution,
  { dplan, dcost, da, db }: TransportGradients,
): void {
  const { batch, n, m, iterations, inverseEpsilon, lambda, relaxation, a, b } = problem;
  const launches = launchesOf(engine, problem);
  const rowFlows = engine.empty([batch, n, 2]);
  const columnFlows = engine.empty([batch, m, 2]);
  const work = { flops: 7 * plan.size, bytes: 16 * plan.size };
  const shared = { problems: batch, n, m, iterations, lambda, relaxation };
  const columns = (step: number, start: boolean): void =>
    engine.dispatch({
      shader: 'sinkhorn/tiled_backward_columns',
      tensors: { logits, b, history, used, row_flows: rowFlows, column_flows: columnFlows, dcost, dmass: db },
      params: { ...shared, step },
      ...launches.columns,
      constants: { ...launches.columns.constants, START: start },
      ...work,
    });
  engine.dispatch({
    shader: 'sinkhorn/tiled_backward_start',
    tensors: { plan, dplan, dcost, row_flows: rowFlows },
    params: { rows: batch * n, m },
    ...launches.rows,
    bytes: 12 * plan.size,
  });
  columns(iterations, true);
  for (let step = iterations; step >= 1; step--) {
    if (relaxation === 0 && step < iterations && (iterations - step) % BALANCE_EVERY === 0) {
      engine.dispatch({
        shader: 'sinkhorn/tiled_backward_balance',
        tensors: { b, history, used, column_flows: columnFlows, dmass: db },
        params: { problems: batch, n, m, step, iterations },
        ...launches.problems,
      });
    }
    engine.dispatch({
      shader: 'sinkhorn/tiled_backward_rows',
      tensors: { logits, a, history, used, column_flows: columnFlows, row_flows: rowFlows, dcost, dmass: da },
      params: { ...shared, step },
      ...launches.rows,
      ...work,
    });
    columns(step, false);
  }
  finish(engine, dcost, -inverseEpsilon, a, false);
  finish(engine, da, 1, a, true);
  finish(engine, db, 1, b, true);
}
