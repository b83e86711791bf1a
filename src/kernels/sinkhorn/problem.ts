import { expectShape, formatShape, ShapeError, sizeOf, type Engine, type Tensor } from '../../engine/index.js';

/** How a transport problem is regularised and for how long it is iterated. */
export interface SinkhornOptions {
  /** Strength ε > 0 of the entropy (or of the KL divergence to the prior). */
  readonly epsilon: number;
  /** Iterations at most; one is a row update and a column update. */
  readonly iterations: number;
  /**
   * A problem stops once its residual falls below this, looked at every 5 iterations. 0 (default): never early.
   */
  readonly tolerance?: number;
  /** Marginals relaxed by ρ · KL(P 1 ‖ a) + ρ · KL(Pᵀ 1 ‖ b); hard marginals when left out. */
  readonly rho?: number;
  /** Reference measure Π ≥ 0, [n, m] or [B, n, m]: the plan minimises ⟨P, C⟩ + ε KL(P ‖ Π). No gradient flows to it. */
  readonly prior?: Tensor;
}

/** Iterations between two looks at the residual. */
export const CHECK_EVERY = 5;

/** A checked batch of problems, as the kernels take it. */
export interface TransportProblem {
  readonly batch: number;
  readonly n: number;
  readonly m: number;
  readonly iterations: number;
  readonly tolerance: number;
  readonly inverseEpsilon: number;
  /** λ = ρ / (ρ + ε), 1 for hard marginals. */
  readonly lambda: number;
  /** 1 − λ, and ε / ρ: both 0 for hard marginals. */
  readonly relaxation: number;
  readonly excess: number;
  readonly cost: Tensor;
  readonly prior: Tensor | undefined;
  readonly a: Tensor;
  readonly b: Tensor;
  /** Whether the iterations are kept for a backward pass. */
  readonly keep: boolean;
}

/** What a path through the kernels computes. */
export interface TransportSolution {
  readonly plan: Tensor;
  readonly residual: Tensor;
  readonly used: Tensor;
  /** What the backward pass needs besides; a placeholder when no gradient is wanted. */
  readonly history: Tensor;
}

/** A solution of kernels that read logits. */
export interface LogitsSolution extends TransportSolution {
  /** [B, n, m, 2], from `logitsOf`. */
  readonly logits: Tensor;
}

/** Where the gradients go. */
export interface TransportGradients {
  readonly dplan: Tensor;
  readonly dcost: Tensor;
  readonly da: Tensor;
  readonly db: Tensor;
}

/** @throws {ShapeError} when shapes or options do not fit. */
export function checkProblem(cost: Tensor, a: Tensor, b: Tensor, options: SinkhornOptions): void {
  const { epsilon, iterations, tolerance = 0, rho, prior } = options;
  if (cost.shape.length !== 3) throw new ShapeError(`sinkhorn: cost has shape ${formatShape(cost.shape)}, expected [B, n, m].`);
  const [batch, n, m] = cost.shape;
  expectShape('sinkhorn: a', a.shape, [batch, n]);
  expectShape('sinkhorn: b', b.shape, [batch, m]);
  if (prior) expectShape('sinkhorn: prior', prior.shape, prior.shape.length === 2 ? [n, m] : [batch, n, m]);
  if (!(epsilon > 0)) throw new ShapeError(`sinkhorn: epsilon is ${epsilon}, expected a positive number.`);
  if (!Number.isInteger(iterations) || iterations < 1) {
    throw new ShapeError(`sinkhorn: iterations is ${iterations}, expected a whole number of at least 1.`);
  }
  if (!(tolerance >= 0)) throw new ShapeError(`sinkhorn: tolerance is ${tolerance}, expected 0 or more.`);
  if (rho !== undefined && !(rho > 0)) throw new ShapeError(`sinkhorn: rho is ${rho}, expected a positive number.`);
}

/** 1 / ε as a sum: the first 12 bits, whose products with 12 bits of a cost are exact, and the rest. */
export function splitInverse(inverseEpsilon: number): { readonly inverse_high: number; readonly inverse_low: number } {
  const bits = new Uint32Array(new Float32Array([inverseEpsilon]).buffer);
  bits[0] &= 0xfffff000;
  const [high] = new Float32Array(bits.buffer);
  return { inverse_high: high, inverse_low: inverseEpsilon - high };
}

/**
 * The buffer for what the backward pass needs, or a placeholder.
 * @throws {ShapeError} when it would be larger than the device binds at once
 */
export function historyFor(engine: Engine, { batch, n, m, iterations, keep }: TransportProblem, shape: readonly number[]): Tensor {
  if (!keep) return engine.empty([4], 'f32', 'no sinkhorn history');
  const bytes = 4 * sizeOf(shape);
  const { maxStorageBufferBindingSize, maxBufferSize } = engine.device.limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  if (bytes > limit) {
    const mebibytes = (value: number): string => `${(value / 2 ** 20).toFixed(0)} MiB`;
    throw new ShapeError(
      `sinkhorn: the gradient of ${batch} problems of ${n} x ${m} over ${iterations} iterations keeps ${mebibytes(bytes)} of potentials, ` +
        `but this device takes at most ${mebibytes(limit)} in one buffer; use fewer iterations or problems, or no gradient.`,
    );
  }
  return engine.empty(shape, 'f32', 'sinkhorn history');
}
