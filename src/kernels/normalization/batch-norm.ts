import { expectShape, gridFor, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { relu } from '../elementwise/activations.js';
import { batchNormColumns, FEW_ROWS } from './batch-norm-columns.js';
import { affineGradients, affineTargets } from './layer-norm.js';
import { columnShares, rowsAndColumns } from './rows.js';

/**
 * Mean and population variance of each column, two stages, merged as in Chan, Golub and LeVeque 1983.
 * Not differentiable.
 * @param x [..., C]
 * @returns [C, 2]: mean, variance
 */
export function columnMoments(engine: Engine, x: Tensor): Tensor {
  const { rows, columns } = rowsAndColumns(x);
  const { width, constants } = elementWidth(columns);
  const shares = columnShares(engine, rows, columns / width);
  const partial = engine.empty([shares, 2, columns]);
  const moments = engine.empty([columns, 2]);
  engine.dispatch({
    shader: 'normalization/column_moments_partial',
    constants,
    tensors: { x, partial },
    params: { rows, columns: columns / width, shares },
    workgroups: gridFor((shares * columns) / width),
    flops: 4 * x.size,
    bytes: 4 * (x.size + moments.size),
  });
  engine.dispatch({
    shader: 'normalization/column_moments_finish',
    tensors: { partial, moments },
    params: { rows, columns, shares },
    workgroups: gridFor(columns),
  });
  return moments;
}

/** How a batch normalisation behaves. */
export interface BatchNormOptions {
  /** True (default): statistics of this batch, and the running ones, if given, move. False: the running statistics. */
  readonly training?: boolean;
  /**
   * [2, C], running means and then running variances (start: 0 and 1); updated in place in training, with the
   * unbiased variance, as torch does. Needed when not training.
   */
  readonly running?: Tensor;
  /** Share of the new batch in the running statistics; 0.1 as in torch.nn.BatchNorm1d. */
  readonly momentum?: number;
  readonly epsilon?: number;
  /** 'none' by default. */
  readonly activation?: 'none' | 'relu';
}

/**
 * Batch normalisation (Ioffe and Szegedy 2015) over all rows, differentiable:
 * y = (x − mean) / √(variance + ε) · weight + bias with each column's own mean and population variance.
 *
 * Features of several groups laid out as [N, G, C] get statistics of their own per group when they are reshaped to
 * [N, G·C] first, with weight, bias and running statistics over G·C.
 * @param x [..., C]; rows = all leading dimensions
 * @param weight [C]
 * @param bias [C]
 * @throws {ShapeError} when weight, bias or running do not fit C, or there are no running statistics to evaluate with
 */
export function batchNorm(
  engine: Engine,
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  { training = true, running, momentum = 0.1, epsilon = 1e-5, activation = 'none' }: BatchNormOptions = {},
): Tensor {
  const { rows, columns } = rowsAndColumns(x);
  expectShape('batchNorm: weight', weight.shape, [columns]);
  expectShape('batchNorm: bias', bias.shape, [columns]);
  if (running) expectShape('batchNorm: running', running.shape, [2, columns]);
  else if (!training) throw new ShapeError('batchNorm: evaluation needs running statistics of shape [2, C]; none were given.');
  if (training && !running && rows <= FEW_ROWS) return batchNormColumns(engine, x, weight, bias, epsilon, activation === 'relu');
  const moments = training ? columnMoments(engine, x) : engine.empty([columns, 2]);
  const statistics = engine.empty([2, columns]);
  engine.dispatch({
    shader: 'normalization/batch_norm_statistics',
    constants: { TRAINING: training, UPDATE: running !== undefined && !engine.recomputing },
    tensors: { moments, running: running ?? engine.empty([2, columns]), statistics },
    params: { rows, columns, momentum, epsilon },
    workgroups: gridFor(columns),
  });
  const y = engine.empty(x.shape);
  const { width, constants } = elementWidth(columns);
  const shares = columnShares(engine, rows, columns / width);
  const launch = { params: { rows, columns: columns / width, shares }, workgroups: gridFor((shares * columns) / width) };
  engine.dispatch({
    shader: 'normalization/batch_norm',
    constants,
    tensors: { x, statistics, weight, bias, y },
    ...launch,
    flops: 4 * x.size,
    // In training x was counted where its moments were taken.
    bytes: (training ? 4 : 8) * x.size,
  });
  engine.record('batchNorm', [x, weight, bias], [y], (context) => {
    const dy = context.gradient(0);
    const { dweight, dbias } = affineTargets(engine, context, weight, bias);
    const affine = training || context.needs(1) || context.needs(2);
    if (affine) {
      affineGradients(engine, { x, dy, statistics, norm: 'batch', dweight, dbias, reads: !context.needs(0) });
    }
    if (!context.needs(0)) return;
    engine.dispatch({
      shader: 'normalization/batch_norm_backward',
      constants: { ...constants, TRAINING: training },
      tensors: { x, statistics, weight, dweight, dbias, dy, dx: context.target(0) },
      ...launch,
      flops: 8 * x.size,
      bytes: 12 * x.size,
    });
  });
  return activation === 'relu' ? relu(engine, y) : y;
}
