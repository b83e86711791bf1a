import { expectShape, formatShape, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseLaunch } from '../elementwise/index.js';
import { columnSum } from '../reduction/index.js';
import type { MatmulVariant } from './choose.js';
import { launchProduct } from './launch.js';

export interface LinearOptions {
  /** 'none' by default; 'gelu' is the exact GELU, x Φ(x). */
  readonly activation?: 'none' | 'gelu';
  /** Added after the activation; has the result's shape. */
  readonly residual?: Tensor;
  /** For tests and benchmarks: the kernel of the forward product; the fastest by default. */
  readonly variant?: MatmulVariant;
}

/** dL/d preactivation of GELU from dL/d y: a new tensor. */
function geluBackward(engine: Engine, preactivation: Tensor, dy: Tensor): Tensor {
  const dx = engine.empty(preactivation.shape, 'f32', 'gelu gradient');
  const count = dx.size;
  engine.dispatch({
    shader: 'elementwise/gelu_backward',
    tensors: { x: preactivation, dy, dx },
    params: { count },
    ...elementwiseLaunch(engine, count),
    flops: 22 * count,
    bytes: 12 * count,
  });
  return dx;
}

/**
 * y = activation(x Wᵀ + bias) + residual in one kernel; differentiable in all four.
 *
 * With GELU the kernel also stores the values before it if a backward pass is to come: it needs them, and storing
 * them costs less than computing x Wᵀ again (SwiftShader, 8192 x 32 -> 128: storing adds 3.5 ms, the product takes 12 ms).
 * The gradients of weight and bias come from one launch: dW = dyᵀ x sums over all tokens, and the column sums of
 * dy, which are the bias's gradient, fall out of the values that it has loaded anyway.
 * @param x [..., K]
 * @param weight [N, K]
 * @param bias [N] or null
 * @returns [..., N]
 * @throws {ShapeError} when shapes do not fit
 */
export function linear(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor | null, options: LinearOptions = {}): Tensor {
  const { activation = 'none', residual, variant } = options;
  if (weight.shape.length !== 2 || x.shape.length < 1 || x.shape[x.shape.length - 1] !== weight.shape[1]) {
    throw new ShapeError(`linear takes x [..., K] and weight [N, K], given ${formatShape(x.shape)} and ${formatShape(weight.shape)}.`);
  }
  const [n, k] = weight.shape;
  const m = x.size / k;
  const shape = [...x.shape.slice(0, -1), n];
  if (bias) expectShape('linear: bias', bias.shape, [n]);
  if (residual) expectShape('linear: residual', residual.shape, shape);
  const y = engine.empty(shape);
  const gelu = activation === 'gelu';
  const inputs = [x, weight, ...(bias ? [bias] : []), ...(residual ? [residual] : [])];
  const keeps = gelu && engine.differentiates([x, weight, ...(bias ? [bias] : [])]);
  const preactivation = keeps ? engine.empty(shape, 'f32', 'preactivation') : null;
  launchProduct(engine, { a: x, b: weight, y, m, n, k, transposeB: true, bias, gelu, preactivation, residual, variant, label: 'linear' });
  engine.record('linear', inputs, [y], (context) => {
    const dy = context.gradient(0);
    const residualIndex = bias ? 3 : 2;
    if (residual && context.needs(residualIndex)) context.set(residualIndex, dy);
    const wantsBias = bias !== null && context.needs(2);
    if (!context.needs(0) && !context.needs(1) && !wantsBias) return;
    const dz = preactivation ? geluBackward(engine, preactivation, dy) : dy;
    if (context.needs(0)) launchProduct(engine, { a: dz, b: weight, y: context.target(0), m, n: k, k: n, label: 'linear dx' });
    if (context.needs(1)) {
      const rowSums = wantsBias ? context.target(2) : null;
      launchProduct(engine, { a: dz, b: x, y: context.target(1), m: n, n: k, k: m, transposeA: true, rowSums, label: 'linear dw' });
    } else if (wantsBias) {
      columnSum(engine, dz, context.target(2));
    }
  });
  return y;
}
