import { ShapeError, formatShape, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth, itemLaunch } from '../elementwise/geometry.js';

function run(engine: Engine, x: Tensor, first: number, second: number, y: Tensor, before: Tensor | null = null): void {
  const rest = x.size / (first * second);
  const { width, constants } = elementWidth(rest);
  const launch = itemLaunch(engine, x.size / width);
  engine.dispatch({
    shader: 'layout/transpose01',
    constants: { ...launch.constants, ...constants, ADDS: before !== null },
    tensors: { x, before: before ?? x, y },
    params: { first, second, rest: rest / width },
    workgroups: launch.workgroups,
    bytes: 8 * x.size,
  });
}

/**
 * Exchanges the first two dimensions; differentiable.
 * @param x [A, B, ...]
 * @returns [B, A, ...]
 * @throws {ShapeError} when x has fewer than two dimensions
 */
export function transpose01(engine: Engine, x: Tensor): Tensor {
  const [first, second, ...rest] = x.shape;
  if (second === undefined) throw new ShapeError(`transpose01: x has shape ${formatShape(x.shape)}, expected two dimensions or more.`);
  const y = engine.empty([second, first, ...rest]);
  run(engine, x, first, second, y);
  engine.record('transpose01', [x], [y], (context) => {
    if (!context.needs(0)) return;
    const before = context.takeSum(0);
    run(engine, context.gradient(0), second, first, context.target(0), before);
  });
  return y;
}
