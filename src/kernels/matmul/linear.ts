import { expectShape, formatShape, ShapeError, sizeOf, type BackwardContext, type Engine, type Tensor } from '../../engine/index.js';
import { cast, elementwiseLaunch } from '../elementwise/index.js';
import { columnSum } from '../reduction/index.js';
import type { HalfMatmulVariant } from './choose-f16.js';
import type { MatmulVariant } from './choose.js';
import { launchProduct, sameDtype } from './launch.js';

/** What {@link linear} does besides x Wᵀ + bias, and in which dtype it stores the result. */
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

/** What {@link layerSizes} finds. */
export interface LayerSizes {
  /** Rows of x, all leading dimensions together. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Of the result. */
  readonly shape: readonly number[];
}

/**
 * Sizes of x Wᵀ + bias.
 * @throws {ShapeError} when x [..., K], weight [N, K] and bias [N] do not fit
 */
export function layerSizes(op: string, x: readonly number[], weight: Tensor, bias: Tensor | null): LayerSizes {
  if (weight.shape.length !== 2 || x.length < 1 || x[x.length - 1] !== weight.shape[1]) {
    throw new ShapeError(`${op} takes x [..., K] and weight [N, K], given ${formatShape(x)} and ${formatShape(weight.shape)}.`);
  }
  const [n, k] = weight.shape;
  if (bias) expectShape(`${op}: bias`, bias.shape, [n]);
  return { m: sizeOf(x) / k, n, k, shape: [...x.slice(0, -1), n] };
}

/**
 * The gradients of a layer's weight and bias, those that are wanted, in one launch: dW = dzᵀ x sums over all tokens, and
 * the column sums of dz, which are the bias's gradient, fall out of the values that it has loaded anyway.
 * @param dz [..., N], gradient of x Wᵀ + bias, of x's dtype
 * @param weight index of the weight among the op's inputs
 * @param bias index of the bias; null without one
 */
export function layerGradients(
  engine: Engine,
  context: BackwardContext,
  label: string,
  { dz, x, sizes: { m, n, k }, weight, bias }: { dz: Tensor; x: Tensor; sizes: LayerSizes; weight: number; bias: number | null },
): void {
  const wantsBias = bias !== null && context.needs(bias);
  if (context.needs(weight)) {
    const rowSums = wantsBias ? context.target(bias) : null;
    launchProduct(engine, { a: dz, b: x, y: context.target(weight, 'f32'), m: n, n: k, k: m, transposeA: true, rowSums, label: `${label} dw` });
  } else if (wantsBias) {
    columnSum(engine, engine.noGrad(() => cast(engine, dz, 'f32')), context.target(bias));
  }
}

/**
 * y = activation(x Wᵀ + bias) + residual in one kernel; differentiable in all four.
 *
 * With GELU the kernel also stores the values before it if a backward pass is to come: it needs them, and storing
 * them costs less than computing x Wᵀ again (SwiftShader, 8192 x 32 -> 128: storing adds 3.5 ms, the product takes 12 ms).
 * In f16, x and weight are f16 and bias is f32; sums are in f32, and so are the gradients of weight and bias, which an
 * f16 copy of a master weight hands on through `cast`, or writes into the `gradient` (f32) that it was given.
 * @param x [..., K]
 * @param weight [N, K]
 * @param bias [N] or null
 * @returns [..., N]
 * @throws {ShapeError} when shapes or dtypes do not fit
 */
export function linear(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor | null, options: LinearOptions = {}): Tensor {
  const { activation = 'none', residual, variant, output = x.dtype } = options;
  const sizes = layerSizes('linear', x.shape, weight, bias);
  const { m, n, k, shape } = sizes;
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
    if (!context.needs(0) && !context.needs(1) && !(bias && context.needs(2))) return;
    const dz = sameDtype(engine, preactivation ? geluBackward(engine, preactivation, sameDtype(engine, dy, preactivation)) : dy, x);
    // The weight's gradient first: with it the last use of x is over, and x's memory is free for its gradient.
    layerGradients(engine, context, 'linear', { dz, x, sizes, weight: 1, bias: bias ? 2 : null });
    if (context.needs(0)) launchProduct(engine, { a: dz, b: weight, y: context.target(0), m, n: k, k: n, label: 'linear dx' });
  });
  return y;
}
