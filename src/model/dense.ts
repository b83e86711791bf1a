import type { Engine, Tensor } from '../engine/index.js';
import { cast } from '../kernels/elementwise/index.js';
import { linear, mlp, type Layer } from '../kernels/matmul/index.js';

/** What {@link dense} does besides the product. */
export interface DenseOptions {
  /** 'none' by default; 'gelu' is the exact GELU. */
  readonly activation?: 'none' | 'gelu';
  /** f32, added after the activation; has the result's shape. */
  readonly residual?: Tensor;
  /** True where the next op takes f16: the result is f16 in mixed precision. */
  readonly half?: boolean;
}

/**
 * A linear layer in the precision of its weight. With an f16 weight, x is converted to f16 first and only that copy is
 * kept for the backward pass; sums are in f32 either way.
 * @param x [..., K], f32 or f16
 * @param weight [N, K], of `ParameterLookup.get`
 * @param bias [N] f32 or null
 * @returns [..., N], f32 unless `half` is asked for and the weight is f16
 * @throws {ShapeError} when shapes do not fit
 */
export function dense(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor | null, { half = false, ...options }: DenseOptions = {}): Tensor {
  if (weight.dtype !== 'f16') return linear(engine, x, weight, bias, options);
  return linear(engine, cast(engine, x, 'f16'), weight, bias, { ...options, output: half ? 'f16' : 'f32' });
}

/**
 * Two linear layers with GELU between them, in the precision of their weights (both f32 or both f16); see `mlp`.
 * @param x [..., K], f32 or f16
 * @param residual f32, added last; has the result's shape
 * @returns f32
 * @throws {ShapeError} when shapes do not fit
 */
export function denseMlp(engine: Engine, x: Tensor, up: Layer, down: Layer, { residual }: { readonly residual?: Tensor } = {}): Tensor {
  return mlp(engine, up.weight.dtype === 'f16' ? cast(engine, x, 'f16') : x, up, down, { residual, output: 'f32' });
}
