import { gridFor, type Engine, type Tensor, type Workgroups } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { fromChoice } from '../launch-choice.js';
import { problemKey } from '../problem-key.js';

/** A tensor seen as rows of its last dimension, and how a row kernel is launched on it. */
export interface RowLaunch {
  readonly rows: number;
  /** Elements of a row, as the kernel counts them: floats, or vec4 of floats. */
  readonly columns: number;
  /** Constants of the row kernels that read elements; kernels that read floats take LANES alone. */
  readonly constants: { readonly LANES: number; readonly element: string; readonly WIDTH: number };
  readonly workgroups: Workgroups;
}

/** Rows (all leading dimensions together) and columns (the last one) of a tensor; a scalar is one row of one. */
export function rowsAndColumns(x: Tensor): { rows: number; columns: number } {
  const columns = x.shape[x.shape.length - 1] ?? 1;
  return { rows: x.size / columns, columns };
}

/** Lanes that share a row, by variant. */
const ROW_LANES = { thread: 1, lanes8: 8, lanes16: 16, lanes32: 32 } as const;
const ROW_VARIANTS = Object.keys(ROW_LANES) as (keyof typeof ROW_LANES)[];

/**
 * Launch of the kernels that reduce rows: on a GPU several lanes share a row, so that it is read in coalesced
 * pieces; on a software adapter one thread takes a row, because barriers are costly there.
 * @param vectors false for kernels that read single floats whatever the number of columns
 */
export function rowLaunch(engine: Engine, x: Tensor, vectors = true): RowLaunch {
  const { rows, columns: floats } = rowsAndColumns(x);
  const { width, constants } = vectors ? elementWidth(floats) : elementWidth(1);
  const columns = floats / width;
  const { LANES, workgroups } = rowLanes(engine, rows, columns);
  return { rows, columns, constants: { LANES, WIDTH: width, ...constants }, workgroups };
}

/**
 * How many lanes share each of `rows` rows, and the workgroups of a kernel that gives them to every row.
 * @param columns elements of a row, as the kernel counts them
 */
export function rowLanes(engine: Engine, rows: number, columns: number): { readonly LANES: number; readonly workgroups: Workgroups } {
  const byRule = engine.info.software ? 'thread' : columns <= 32 ? 'lanes8' : columns <= 128 ? 'lanes16' : 'lanes32';
  const problem = problemKey({ r: rows, c: columns });
  const LANES = ROW_LANES[engine.choose('rows', ROW_VARIANTS, byRule, problem)];
  return { LANES, workgroups: fromChoice(gridFor(rows * LANES), { family: 'rows', problem }) };
}

/**
 * Shares that the rows are dealt into for a sum over rows: enough (share, column) threads to fill the device,
 * and at least 8 rows in a share.
 */
export function columnShares(engine: Engine, rows: number, columns: number): number {
  const choice = engine.choose('column-shares', ['many', 'few'], engine.info.software ? 'few' : 'many', problemKey({ r: rows, c: columns }));
  const threads = choice === 'few' ? 512 : 32768;
  return Math.max(1, Math.min(Math.ceil(threads / columns), Math.ceil(rows / 8)));
}
