import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { affineTargets } from './layer-norm.js';
import { rowsAndColumns } from './rows.js';

/** Rows up to which one thread takes a column through all of them: a batch's heads have 64. */
export const FEW_ROWS = 128;

/**
 * Batch normalisation of few rows, without running statistics: one launch each way; differentiable.
 * @param x [..., C]
 * @param relu whether max(y, 0) follows
 */
export function batchNormColumns(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor, epsilon: number, relu: boolean): Tensor {
  const { rows, columns: floats } = rowsAndColumns(x);
  // A GPU wants as many threads as there are columns; a software adapter wants vector loads.
  const { width, constants } = engine.info.software ? elementWidth(floats) : elementWidth(1);
  const columns = floats / width;
  const y = engine.empty(x.shape);
  const statistics = engine.empty([2, floats]);
  engine.dispatch({
    shader: 'normalization/batch_norm_columns',
    constants: { ...constants, RELU: relu },
    tensors: { x, weight, bias, statistics, y },
    params: { rows, columns, epsilon },
    workgroups: gridFor(columns),
    flops: 9 * x.size,
    bytes: 8 * x.size,
  });
  engine.record('batchNorm', [x, weight, bias], [y], (context) => {
    const { dweight, dbias } = affineTargets(engine, context, weight, bias);
    const dx = context.needs(0) ? context.target(0) : engine.empty(x.shape);
    engine.dispatch({
      shader: 'normalization/batch_norm_columns_backward',
      constants: { ...constants, RELU: relu },
      tensors: { x, statistics, weight, bias, dy: context.gradient(0), dx, dweight, dbias },
      params: { rows, columns },
      workgroups: gridFor(columns),
      flops: 14 * x.size,
      bytes: 12 * x.size,
    });
  });
  return y;
}
