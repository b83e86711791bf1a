import { type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseLaunch } from './geometry.js';

interface Activation {
  readonly name: string;
  readonly flops: number;
  readonly backwardFlops: number;
}

function activation(engine: Engine, { name, flops, backwardFlops }: Activation, x: Tensor): Tensor {
  const y = engine.empty(x.shape);
  engine.dispatch({
    shader: `elementwise/${name}`,
    tensors: { x, y },
    params: { count: x.size },
    ...elementwiseLaunch(engine, x.size),
    flops: flops * x.size,
    bytes: 8 * x.size,
  });
  engine.record(name, [x], [y], (context) => {
    if (!context.needs(0)) return;
    engine.dispatch({
      shader: `elementwise/${name}_backward`,
      tensors: { x, dy: context.gradient(0), dx: context.target(0) },
      params: { count: x.size },
      ...elementwiseLaunch(engine, x.size),
      flops: backwardFlops * x.size,
      bytes: 12 * x.size,
    });
  });
  return y;
}

/**
 * Exact GELU, y = x Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016); differentiable.
 * Φ is off by 1.2e-7 (1 + x²) of its smaller side at most.
 * @param x any shape
 */
export function gelu(engine: Engine, x: Tensor): Tensor {
  return activation(engine, { name: 'gelu', flops: 18, backwardFlops: 22 }, x);
}

/**
 * y = max(x, 0); the gradient at 0 is 0. Differentiable.
 * @param x any shape
 */
export function relu(engine: Engine, x: Tensor): Tensor {
  return activation(engine, { name: 'relu', flops: 1, backwardFlops: 1 }, x);
}
