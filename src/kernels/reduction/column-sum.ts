import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { columnShares, rowsAndColumns } from '../normalization/rows.js';
import { problemKey } from '../problem-key.js';
import { finishTogether } from './column-sums.js';

/** Threads that a column's shares are dealt to, by variant. */
const FINISH_SLICES = { serial: 1, slices: 16 } as const;
/** On a GPU it takes so many shares, and no more than so many columns, for one thread a column to be too few. */
const MANY_SHARES = 32;
const FEW_COLUMNS = 32768;

/**
 * Adds up the shares of a two-stage sum over rows, in order: y[c] = Σ_s partial[s, offset + c]. In a captured step sums
 * into one arena wait for each other, and for a command that needs one of them.
 * @param partial [shares, stride]
 * @param y [columns], columns + offset ≤ stride; overwritten
 * @param z overwritten with the sums of the columns that follow, in the same launch
 * @param options counts: true where this sum is an op of its own. As a second stage it states no work: whoever made the
 *   shares states what the op must do, however many shares there are
 */
export function finishColumnSum(engine: Engine, partial: Tensor, offset: number, y: Tensor, z: Tensor | null = null, { counts = false }: { readonly counts?: boolean } = {}): void {
  const [shares, stride] = partial.shape;
  const floats = y.size + (z?.size ?? 0);
  const { width, constants } = elementWidth(y.size, z?.size ?? 0, stride, offset);
  const sliced = !engine.info.software && shares >= MANY_SHARES && floats <= FEW_COLUMNS;
  const SLICES = FINISH_SLICES[engine.choose('column-finish', ['serial', 'slices'], sliced ? 'slices' : 'serial', problemKey({ s: shares, c: floats }))];
  const alone = () =>
    engine.dispatch({
      shader: 'reduction/column_sum_finish',
      constants: { ...constants, PAIR: z !== null, SLICES },
      // A written binding that is not touched still needs a storage of its own.
      tensors: { partial, y, z: z ?? engine.empty([4], 'f32', 'no second sum') },
      params: { columns: y.size / width, second: (z?.size ?? 0) / width, shares, stride: stride / width, offset: offset / width },
      workgroups: gridFor((SLICES * floats) / width),
      flops: counts ? shares * floats : 0,
      bytes: counts ? 4 * (shares + 1) * floats : 0,
    });
  finishTogether(engine, { partial, offset, results: z ? [y, z] : [y], slices: SLICES }, alone);
}

/**
 * So few rows go without a first stage: what it could do in parallel is not worth its launch. On a GPU several threads
 * share a column of the second stage.
 */
const FEW_ROWS = { software: 64, gpu: 512 };

/**
 * Sum over all leading dimensions, in two stages of fixed order; not differentiable.
 * @param x [..., columns]
 * @param target where to write, a new tensor by default
 * @param own true where x was made for this sum and nothing else uses it: its sum may wait, see `finishColumnSum`, and
 *   is part of the op that made x, which states the work
 * @returns [columns]
 */
export function columnSum(engine: Engine, x: Tensor, target?: Tensor, { own = false }: { readonly own?: boolean } = {}): Tensor {
  const { rows, columns } = rowsAndColumns(x);
  const y = target ?? engine.empty([columns]);
  if (own && rows <= (engine.info.software ? FEW_ROWS.software : FEW_ROWS.gpu)) {
    finishColumnSum(engine, engine.view(x, 0, [rows, columns]), 0, y);
    return y;
  }
  const { width, constants } = elementWidth(columns);
  const shares = columnShares(engine, rows, columns / width);
  const partial = engine.empty([shares, columns]);
  engine.dispatch({
    shader: 'reduction/column_sum_partial',
    constants,
    tensors: { x, partial },
    params: { rows, columns: columns / width, shares },
    workgroups: gridFor((shares * columns) / width),
    flops: own ? 0 : x.size,
    bytes: own ? 0 : 4 * (x.size + y.size),
  });
  finishColumnSum(engine, partial, 0, y);
  return y;
}
