import { expectShape, formatShape, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { cast, elementwiseLaunch } from '../elementwise/index.js';
import { columnSum } from '../reduction/index.js';
import type { HalfMatmulVariant } from './choose-f16.js';
import type { MatmulVariant } from './choose.js';
import { launchProduct, sameDtype } from './launch.js';

export interface LinearOptions {
  /** 'none' by default; 'gelu' is the exact GELU, x Φ(x). */
  readonly activation?: 'none' | 'gelu';
  /** Added after the activation; has the result's shape. */
  readonly residual?: Tensor;
  /** dtype of the result, x's own by default; f16 operands can give f32. */
  readonly output?: 'f32' | 'f16';
  /** For tests and benchmarks: the kernel of the forward product; the fastest by default. */
  readonly variant?: MatmulVariant | HalfMatmulVariant;
}

/** dL/d preactivation of GELU from dL/d y, both of one dtype: a new tensor. */
function geluBackward(engine: Engine, preactivation: Tensor, dy: Tensor): Tensor {
  const dx = engine.empty(preactivation.shape, preactivation.dtype, 'gelu gradient');
  const count = dx.size;
  engine.dispatch({
    shader: dx.dtype === 'f16' ? 'elementwise/gelu_backward_f16' : 'elementwise/gelu_backward',
    tensors: { x: preactivation, dy, dx },
    params: { count },
    ...elementwiseLaunch(engine, count),
    flops: 22 * count,
    bytes: 3 * dx.byteLength,
  });
  return dx;
}

/**
 * y = activation(x Wᵀ + bias) + residual in one kernel; differentiable in all four.
 *
 * With GELU the kernel also stores the values before it if a backward pass is to come: it needs them, and storing
 * them costs less than computing x Wᵀ again (SwiftShader, 8192 x 32 -> 128: storing adds 3.5 ms, the product takes 12 ms).
 * In f16, x and weight are f16 and bias is f32; sums are in f32, and so are the gradients of weight and bias, which an
 * f16 copy of a master weight hands on through `cast`, or writes into the `gradient` (f32) that it was given.
 * The gradients of weight and bias come from one launch: dW = dyᵀ x sums over all tokens, and the column sums of
 * dy, which are the bias's gradient, fall out of the values that it has loaded anyway.
 * @param x [..., K]
 * @param weight [N, K]
 * @param bias [N] or null
 * @returns [..., N]
 * @throws {ShapeError} when shapes or dtypes do not fit
 */
export function linear(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor | null, options: LinearOptions = {}): Tensor {
  const { activation = 'none', residual, variant, output = x.dtype } = options;
  if (weight.shape.length !== 2 || x.shape.length < 1 || x.shape[x.shape.length - 1] !== weight.shape[1]) {
    throw new ShapeError(`linear takes x [..., K] and weight [N, K], given ${formatShape(x.shape)} and ${formatShape(weight.shape)}.`);
  }
  const [n, k] = weight.shape;
  const m = x.size / k;
  const shape = [...x.shape.slice(0, -1), n];
  if (bias) expectShape('linear: bias', bias.shape, [n]);
  if (residual) expectShape('linear: residual', residual.shape, shape);
  const y = engine.empty(shape, output);
  const gelu = activation === 'gelu';
  const inputs = [x, weight, ...(bias ? [bias] : []), ...(residual ? [residual] : [])];
  const keeps = gelu && engine.differentiates([x, weight, ...(bias ? [bias] : [])]);
  const preactivation = keeps ? engine.empty(shape, output, 'preactivation') : null;
  launchProduct(engine, { a: x, b: weight, y, m, n, k, transposeB: true, bias, gelu, preactivation, residual, variant, label: 'linear' });
  engine.record('linear', inputs, [y], (context) => {
    const dy = context.gradient(0);
    const residualIndex = bias ? 3 : 2;
    if (residual && context.needs(residualIndex)) context.set(residualIndex, dy);
    const wantsBias = bias !== null && context.needs(2);
    if (!context.needs(0) && !context.needs(1) && !wantsBias) return;
    const dz = sameDtype(engine, preactivation ? geluBackward(engine, preactivation, sameDtype(engine, dy, preactivation)) : dy, x);
    // The weight's gradient first: with it the last use of x is over, and x's memory is free for its gradient.
    if (context.needs(1)) {
      const rowSums = wantsBias ? context.target(2) : null;
      launchProduct(engine, { a: dz, b: x, y: context.target(1, 'f32'), m: n, n: k, k: m, transposeA: true, rowSums, label: 'linear dw' });
    } else if (wantsBias) {
      columnSum(engine, engine.noGrad(() => cast(engine, dz, 'f32')), context.target(2));
    }
    if (context.needs(0)) launchProduct(engine, { a: dz, b: weight, y: context.target(0), m, n: k, k: n, label: 'linear dx' });
  });
  return y;
}
