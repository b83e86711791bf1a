import { type Engine, type Tensor } from '../../engine/index.js';
import { rowLaunch } from './rows.js';

/**
 * Softmax over the last dimension, y = exp(x − max x) / Σ exp(x − max x); differentiable.
 * @param x [..., C]
 */
export function softmax(engine: Engine, x: Tensor): Tensor {
  const { rows, columns, constants, workgroups } = rowLaunch(engine, x);
  const y = engine.empty(x.shape);
  engine.dispatch({
    shader: 'normalization/softmax',
    constants,
    tensors: { x, y },
    params: { rows, columns },
    workgroups,
    flops: 5 * x.size,
    bytes: 8 * x.size,
  });
  engine.record('softmax', [x], [y], (context) => {
    if (!context.needs(0)) return;
    engine.dispatch({
      shader: 'normalization/softmax_backward',
      constants,
      tensors: { y, dy: context.gradient(0), dx: context.target(0) },
      params: { rows, columns },
      workgroups,
      flops: 7 * x.size,
      bytes: 12 * x.size,
    });
  });
  return y;
}
