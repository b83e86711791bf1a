import { type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseLaunch } from './geometry.js';

function run(engine: Engine, x: Tensor, factor: number, offset: number, y: Tensor): void {
  engine.dispatch({
    shader: 'elementwise/affine',
    tensors: { x, y },
    params: { count: x.size, factor, offset },
    ...elementwiseLaunch(engine, x.size),
    flops: 2 * x.size,
    bytes: 8 * x.size,
  });
}

/**
 * y = factor · x + offset with two numbers, fixed when a step is captured; differentiable.
 * @param x any shape
 */
export function affine(engine: Engine, x: Tensor, factor: number, offset: number): Tensor {
  const y = engine.empty(x.shape);
  run(engine, x, factor, offset, y);
  engine.record('affine', [x], [y], (context) => {
    if (context.needs(0)) run(engine, context.gradient(0), factor, 0, context.target(0));
  });
  return y;
}

/**
 * y = factor · x; differentiable.
 * @param x any shape
 * @param factor a number, fixed when a step is captured
 */
export function scale(engine: Engine, x: Tensor, factor: number): Tensor {
  return affine(engine, x, factor, 0);
}
