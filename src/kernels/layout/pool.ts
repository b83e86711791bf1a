import { ShapeError, formatShape, gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth, itemLaunch } from '../elementwise/geometry.js';

/**
 * Mean over the tokens; differentiable.
 * @param x [B, T, C], or a map [B, H, W, C] whose positions are the tokens
 * @returns [B, C]
 * @throws {ShapeError} when x has fewer than three dimensions
 */
export function meanPool(engine: Engine, x: Tensor): Tensor {
  if (x.shape.length < 3) throw new ShapeError(`meanPool: x has shape ${formatShape(x.shape)}, expected [B, T, C] or [B, H, W, C].`);
  const [batch] = x.shape;
  const channels = x.shape[x.shape.length - 1];
  const tokens = x.size / (batch * channels);
  const { width, constants } = elementWidth(channels);
  const params = { batch, tokens, channels: channels / width };
  const y = engine.empty([batch, channels]);
  engine.dispatch({
    shader: 'layout/mean_pool',
    constants,
    tensors: { x, y },
    params,
    workgroups: gridFor(y.size / width),
    flops: x.size,
    bytes: 4 * x.size,
  });
  engine.record('meanPool', [x], [y], (context) => {
    if (!context.needs(0)) return;
    const launch = itemLaunch(engine, x.size / width);
    const before = context.takeSum(0);
    const dy = context.gradient(0);
    engine.dispatch({
      shader: 'layout/mean_pool_backward',
      constants: { ...launch.constants, ...constants, ADDS: before !== null },
      tensors: { dy, before: before ?? dy, dx: context.target(0) },
      params,
      workgroups: launch.workgroups,
      flops: x.size,
      bytes: 4 * x.size,
    });
  });
  return y;
}
