import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { columnShares, rowsAndColumns } from '../normalization/rows.js';

/**
 * Adds up the shares of a two-stage sum over rows, in order: y[c] = Σ_s partial[s, offset + c].
 * @param partial [shares, stride]
 * @param y [columns], columns + offset ≤ stride; overwritten
 * @param z overwritten with the sums of the columns that follow, in the same launch
 */
export function finishColumnSum(engine: Engine, partial: Tensor, offset: number, y: Tensor, z: Tensor | null = null): void {
  const [shares, stride] = partial.shape;
  const second = z?.size ?? 0;
  engine.dispatch({
    shader: 'reduction/column_sum_finish',
    constants: { PAIR: z !== null },
    // A written binding that is not touched still needs a storage of its own.
    tensors: { partial, y, z: z ?? engine.empty([4], 'f32', 'no second sum') },
    params: { columns: y.size, second, shares, stride, offset },
    workgroups: gridFor(y.size + second),
    flops: shares * (y.size + second),
    bytes: 4 * (shares + 1) * (y.size + second),
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
