import { expectShape, InputError, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth, itemLaunch } from './geometry.js';

/** y = f z, or x + f z, with a factor per sample; see shaders/elementwise/scale_samples.wgsl. */
function run(engine: Engine, x: Tensor | null, z: Tensor, draws: Tensor, rate: number, y: Tensor): void {
  const [samples] = z.shape;
  const { width, constants } = elementWidth(z.size / samples);
  const launch = itemLaunch(engine, z.size / width);
  engine.dispatch({
    shader: 'elementwise/scale_samples',
    constants: { ...launch.constants, ...constants, ADDS: x !== null },
    tensors: { x: x ?? z, z, draws, y },
    params: { samples, per_sample: z.size / samples / width, rate },
    workgroups: launch.workgroups,
    label: 'stochastic depth',
    flops: 2 * z.size,
    bytes: (x ? 12 : 8) * z.size,
  });
}

/**
 * A residual sum under stochastic depth (Huang et al. 2016; per sample and scaled as in timm's DropPath):
 * y = x + f z, where a sample's factor f is 0 if its draw is below the rate, and 1 / (1 − rate) otherwise, so that the
 * mean is x + z. Differentiable in x and z.
 * @param x [B, ...]
 * @param z the branch, of x's shape
 * @param draws f32 [B] of `uniform`, numbers in [0, 1)
 * @param rate share of the samples whose branch is left out, from 0 to less than 1
 * @throws {ShapeError} when the shapes do not fit
 * @throws {InputError} when the rate is out of range
 */
export function stochasticResidual(engine: Engine, x: Tensor, z: Tensor, draws: Tensor, rate: number): Tensor {
  expectShape('stochasticResidual: z', z.shape, x.shape);
  expectShape('stochasticResidual: draws', draws.shape, [x.shape[0]]);
  if (!(rate >= 0 && rate < 1)) throw new InputError(`stochasticResidual: the rate is ${rate}, expected a number from 0 to less than 1.`);
  const y = engine.empty(x.shape);
  run(engine, x, z, draws, rate, y);
  engine.record('stochasticResidual', [x, z], [y], (context) => {
    const dy = context.gradient(0);
    if (context.needs(0)) context.set(0, dy);
    if (context.needs(1)) run(engine, null, dy, draws, rate, context.target(1));
  });
  return y;
}
