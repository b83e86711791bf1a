import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { columnShares, rowsAndColumns } from '../normalization/rows.js';

/**
 * Adds up the shares of a two-stage sum over rows, in order: y[c] = Σ_s partial[s, offset + c].
 * @param partial [shares, stride]
 * @param y [columns], columns + offset ≤ stride; overwritten
 */
export function finishColumnSum(engine: Engine, partial: Tensor, offset: number, y: Tensor): void {
  const [shares, stride] = partial.shape;
  engine.dispatch({
    shader: 'reduction/column_sum_finish',
    tensors: { partial, y },
    params: { columns: y.size, shares, stride, offset },
    workgroups: gridFor(y.size),
    flops: shares * y.size,
    bytes: 4 * (shares + 1) * y.size,
  });
}

/**
 * Sum over all leading dimensions, in two stages of fixed order; not differentiable.
 * @param x [..., columns]
 * @param target where to write, a new tensor by default
 * @returns [columns]
 */
export function columnSum(engine: Engine, x: Tensor, target?: Tensor): Tensor {
  const { rows, columns } = rowsAndColumns(x);
  const y = target ?? engine.empty([columns]);
  const { width, constants } = elementWidth(columns);
  const shares = columnShares(engine, rows, columns / width);
  const partial = engine.empty([shares, columns]);
  engine.dispatch({
    shader: 'reduction/column_sum_partial',
    constants,
    tensors: { x, partial },
    params: { rows, columns: columns / width, shares },
    workgroups: gridFor((shares * columns) / width),
    flops: x.size,
    bytes: 4 * x.size,
  });
  finishColumnSum(engine, partial, 0, y);
  return y;
}
