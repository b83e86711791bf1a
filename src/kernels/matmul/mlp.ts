/** Two linear layers with GELU between them: the MLP of a transformer block, its backward pass fused. */
import { expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { launchProduct, sameDtype } from './launch.js';
import { layerGradients, layerSizes } from './linear.js';

/** A linear layer's parameters. */
export interface Layer {
  /** [N, K] */
  readonly weight: Tensor;
  /** [N] f32 */
  readonly bias: Tensor;
}

/** What {@link mlp} adds to its result, and in which dtype it stores it. */
export interface MlpOptions {
  /** Added last; has the result's shape and dtype. */
  readonly residual?: Tensor;
  /** dtype of the result, x's own by default; f16 operands can give f32. */
  readonly output?: 'f32' | 'f16';
}

/**
 * y = gelu(x Uᵀ + u) Dᵀ + d + residual with U, u and D, d of `up` and `down`; differentiable in all of them.
 *
 * The same forward launches as two `linear`s. Backward, the product that leads to the hidden layer multiplies by GELU's
 * gradient as it stores, where two `linear`s write the hidden layer's gradient and read it again. The same launch computes
 * the hidden layer again from the values before GELU, so that only these are kept from the forward pass: a quarter less
 * memory for a Swin block with its fourfold hidden layer.
 * @param x [..., K]; f32, or f16 with f16 weights, where the hidden layer is f16 too
 * @param up to [..., H]
 * @param down to [..., N]
 * @throws {ShapeError} when shapes or dtypes do not fit
 */
export function mlp(engine: Engine, x: Tensor, up: Layer, down: Layer, { residual, output = x.dtype === 'f16' ? 'f16' : 'f32' }: MlpOptions = {}): Tensor {
  const upper = layerSizes('mlp', x.shape, up.weight, up.bias);
  const lower = layerSizes('mlp', upper.shape, down.weight, down.bias);
  if (residual) expectShape('mlp: residual', residual.shape, lower.shape);
  const { m } = upper;
  const hidden = engine.empty(upper.shape, x.dtype, 'hidden');
  const inputs = [x, up.weight, up.bias, down.weight, down.bias, ...(residual ? [residual] : [])];
  const preactivation = engine.differentiates(inputs.slice(0, 5)) ? engine.empty(upper.shape, x.dtype, 'preactivation') : null;
  launchProduct(engine, { a: x, b: up.weight, y: hidden, m, n: upper.n, k: upper.k, transposeB: true, bias: up.bias, gelu: true, preactivation, label: 'mlp up' });
  const y = engine.empty(lower.shape, output);
  launchProduct(engine, { a: hidden, b: down.weight, y, m, n: lower.n, k: lower.k, transposeB: true, bias: down.bias, residual, label: 'mlp down' });
  engine.record('mlp', inputs, [y], (context) => {
    const dy = context.gradient(0);
    if (residual && context.needs(5)) context.set(5, dy);
    if (!preactivation || ![0, 1, 2, 3, 4].some((index) => context.needs(index))) return;
    const own = sameDtype(engine, dy, x);
    const dz = engine.empty(upper.shape, x.dtype, 'gradient before gelu');
    const again = engine.empty(upper.shape, x.dtype, 'hidden again');
    launchProduct(engine, { a: own, b: down.weight, y: dz, m, n: lower.k, k: lower.n, geluGradient: preactivation, preactivation: again, label: 'mlp dz' });
    layerGradients(engine, context, 'mlp down', { dz: own, x: again, sizes: lower, weight: 3, bias: 4 });
    // The weight's gradient first: with it the last use of x is over, and x's memory is free for its gradient.
    layerGradients(engine, context, 'mlp up', { dz, x, sizes: upper, weight: 1, bias: 2 });
    if (context.needs(0)) launchProduct(engine, { a: dz, b: up.weight, y: context.target(0), m, n: upper.k, k: upper.n, label: 'mlp dx' });
  });
  return y;
}
