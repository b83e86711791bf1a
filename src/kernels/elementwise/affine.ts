import { type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseGrid } from './geometry.js';
import { scale } from './scale.js';

/**
 * y = factor · x + offset; differentiable.
 * @param x any shape
 * @param factor a number, fixed when a step is captured; likewise `offset`
 */
export function affine(engine: Engine, x: Tensor, factor: number, offset: number): Tensor {
  const y = engine.empty(x.shape);
  engine.dispatch({
    shader: 'elementwise/affine',
    tensors: { x, y },
    params: { count: x.size, factor, offset },
    workgroups: elementwiseGrid(x.size),
    flops: 2 * x.size,
    bytes: 8 * x.size,
  });
  engine.record('affine', [x], [y], (context) => {
    if (context.needs(0)) context.set(0, scale(engine, context.gradient(0), factor));
  });
  return y;
}
