/**
 * Where a training step differs by precision: 'f32' computes and keeps everything in f32; 'mixed' keeps f32 parameters
 * and gives its gradients a loss scale that lives on the device (see docs/mixed-precision.md).
 */
import type { Engine, Tensor } from '../engine/index.js';
import { clipScale, clipScaledGradients, scaledSeeds, type LossScaleOptions } from '../kernels/optimizer/index.js';

/** The precisions that a training can have; the first is the default. */
export const PRECISIONS = ['f32', 'mixed'] as const;
/** One of {@link PRECISIONS}. */
export type Precision = (typeof PRECISIONS)[number];

/** A run's loss scale: its state on the device and how it moves. */
export interface LossScale {
  /** [4], see `initialLossScale`. */
  readonly state: Tensor;
  readonly options: LossScaleOptions;
}

/**
 * dL/d of each loss, where the backward pass begins: its weight, times the loss scale where there is one.
 * @param weights of the losses
 * @returns [1] each
 */
export function lossSeeds(engine: Engine, weights: readonly number[], lossScale: LossScale | null): Tensor[] {
  return lossScale ? scaledSeeds(engine, lossScale.state, weights) : weights.map((weight) => engine.tensor([weight], [1]));
}

/**
 * What `adamw` multiplies the gradients with, and their norm: clipped, and without the loss scale where there is one,
 * which moves on.
 * @param hyper of `adamwHyper`; with a loss scale its bias corrections become those of the steps that were taken
 * @returns [2]: factor, norm; the factor is 0 when a gradient is not finite
 */
export function gradientFactor(engine: Engine, gradients: Tensor, clip: number, hyper: Tensor, lossScale: LossScale | null): Tensor {
  return lossScale ? clipScaledGradients(engine, gradients, clip, { ...lossScale, hyper }) : clipScale(engine, gradients, clip);
}
