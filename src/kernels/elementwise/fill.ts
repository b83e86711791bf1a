import { type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseLaunch } from './geometry.js';

/**
 * A tensor filled with one value; not differentiable.
 * @param shape of the result
 */
export function filled(engine: Engine, shape: readonly number[], value: number): Tensor {
  const y = engine.empty(shape);
  fill(engine, y, value);
  return y;
}

/** Overwrites every element of a tensor with one value; not differentiable. */
export function fill(engine: Engine, tensor: Tensor, value: number): void {
  engine.dispatch({
    shader: 'elementwise/fill',
    tensors: { y: tensor },
    params: { count: tensor.size, value },
    ...elementwiseLaunch(engine, tensor.size),
    bytes: 4 * tensor.size,
  });
}
