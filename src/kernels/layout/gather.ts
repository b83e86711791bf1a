import { ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseGrid } from '../elementwise/geometry.js';

/**
 * Takes rows of a table; not differentiable (for stored features and other constants).
 * @param table f32 [K, ...]
 * @param indices u32 [N]; an index beyond the table reads its last row
 * @returns [N, ...]
 * @throws {ShapeError} when indices is not one-dimensional
 */
export function gatherRows(engine: Engine, table: Tensor, indices: Tensor): Tensor {
  if (indices.shape.length !== 1) throw new ShapeError('gatherRows: indices must have one dimension.');
  const rows = indices.size;
  const columns = table.size / table.shape[0];
  const y = engine.empty([rows, ...table.shape.slice(1)]);
  engine.dispatch({
    shader: 'layout/gather_rows',
    tensors: { x: table, indices, y },
    params: { table: table.shape[0], rows, columns },
    workgroups: elementwiseGrid(y.size),
    bytes: 8 * y.size,
  });
  return y;
}
