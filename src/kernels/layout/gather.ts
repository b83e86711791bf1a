import { ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth, itemLaunch } from '../elementwise/geometry.js';

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
  const { width, constants } = elementWidth(columns);
  const launch = itemLaunch(engine, y.size / width);
  engine.dispatch({
    shader: 'layout/gather_rows',
    constants: { ...launch.constants, ...constants },
    tensors: { x: table, indices, y },
    params: { table: table.shape[0], rows, columns: columns / width },
    workgroups: launch.workgroups,
    bytes: 8 * y.size,
  });
  return y;
}
