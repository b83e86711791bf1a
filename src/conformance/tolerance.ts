/** How close a result in f32 has to come to one in float64, relative to the largest magnitude in the tensor. */

/** Largest error of an op's outputs and of its gradients, relative as `compare` has it. */
export interface Tolerance {
  readonly forward: number;
  readonly gradient: number;
}

/**
 * Single ops. f32 rounds at 6e-8, and sums of up to some thousand terms in a fixed order stay below 1e-5 of the
 * largest term, so 2e-5 leaves a factor of two for exp, which WGSL only promises to 3 + 2|x| units. A gradient
 * differentiates rounded values and sums over all rows: PyTorch in f32 stays within 1e-5 on a Sinkhorn gradient of
 * 4,000 iterations at epsilon 0.01, and 1e-4 leaves ten times that, far below the error of a wrong formula.
 */
export const SINGLE_OP: Tolerance = { forward: 2e-5, gradient: 1e-4 };

/**
 * A whole Swin chains some twenty ops per pair of blocks; their errors add up, and layer norm divides small maps by
 * their own spread. Five times the single op's figures; ncnn holds its swin_t to 1e-4 forward as well.
 */
export const WHOLE_NETWORK: Tolerance = { forward: 1e-4, gradient: 5e-4 };
