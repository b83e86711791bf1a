import { expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseLaunch } from './geometry.js';

/**
 * y = a + b, elementwise; a and b [any shape, the same].
 * @throws {ShapeError} when the shapes differ
 */
export function add(engine: Engine, a: Tensor, b: Tensor): Tensor {
  expectShape('add: b', b.shape, a.shape);
  const y = engine.empty(a.shape);
  engine.dispatch({
    shader: 'elementwise/add',
    tensors: { a, b, y },
    params: { count: a.size },
    ...elementwiseLaunch(engine, a.size),
    flops: a.size,
    bytes: a.size * 12,
  });
  engine.record('add', [a, b], [y], (context) => {
    const dy = context.gradient(0);
    if (context.needs(0)) context.set(0, dy);
    if (context.needs(1)) context.set(1, dy);
  });
  return y;
}

/**
 * destination += source, in place; not differentiable.
 * @throws {ShapeError} when the shapes differ
 */
export function accumulate(engine: Engine, destination: Tensor, source: Tensor): void {
  expectShape('accumulate: source', source.shape, destination.shape);
  engine.dispatch({
    shader: 'elementwise/accumulate',
    tensors: { destination, source },
    params: { count: destination.size },
    ...elementwiseLaunch(engine, destination.size),
    flops: destination.size,
    bytes: destination.size * 12,
  });
}
