import { gridFor, type Engine, type Tensor, type Workgroups } from '../../engine/index.js';

/** A tensor seen as rows of its last dimension, and how a row kernel is launched on it. */
export interface RowLaunch {
  readonly rows: number;
  readonly columns: number;
  /** Threads that share a row: the constant LANES of the row kernels. */
  readonly lanes: number;
  readonly workgroups: Workgroups;
}

/** Rows (all leading dimensions together) and columns (the last one) of a tensor; a scalar is one row of one. */
export function rowsAndColumns(x: Tensor): { rows: number; columns: number } {
  const columns = x.shape[x.shape.length - 1] ?? 1;
  return { rows: x.size / columns, columns };
}

/**
 * Launch geometry of the kernels that reduce rows: on a GPU several lanes share a row, so that it is read in
 * coalesced pieces; on a software adapter one thread takes a row, because barriers are costly there.
 */
export function rowLaunch(engine: Engine, x: Tensor): RowLaunch {
  const { rows, columns } = rowsAndColumns(x);
  const lanes = engine.info.software ? 1 : columns <= 64 ? 8 : columns <= 256 ? 16 : 32;
  return { rows, columns, lanes, workgroups: gridFor(rows * lanes) };
}

/**
 * Shares that the rows are dealt into for a sum over rows: enough (share, column) threads to fill the device,
 * and at least 8 rows in a share.
 */
export function columnShares(engine: Engine, rows: number, columns: number): number {
  const threads = engine.info.software ? 512 : 32768;
  return Math.max(1, Math.min(Math.ceil(threads / columns), Math.ceil(rows / 8)));
}
