/**
 * Dynamic loss scaling on the device (Micikevicius et al. 2018, "Mixed precision training", section 3.2): the loss's
 * gradient starts at the scale instead of 1, so that small gradients do not vanish in f16; the optimiser divides it
 * out again, and a step whose gradient overflowed is skipped. Nothing is read back: the state is a tensor.
 */
import { expectShape, InputError, type Engine, type Tensor } from '../../engine/index.js';
import { scaleByScalar } from '../reduction/index.js';
import { sumSquares } from './adamw.js';

/** How the scale moves: it halves when a step overflows and doubles after `growthInterval` steps without overflow. */
export interface LossScaleOptions {
  /** First scale. */
  readonly initial: number;
  /** Steps without overflow before the scale doubles. */
  readonly growthInterval: number;
  /** Bounds of the scale. */
  readonly least: number;
  readonly most: number;
}

/** Defaults: initial scale and interval of torch.cuda.amp.GradScaler, largest scale of NVIDIA Apex's LossScaler. */
export const LOSS_SCALE: LossScaleOptions = { initial: 65536, growthInterval: 2000, least: 1, most: 2 ** 24 };

/** Where things stand in the state tensor; `outcome` is one of STEP_OUTCOME. */
export const LOSS_SCALE_STATE = { scale: 0, goodSteps: 1, overflows: 2, outcome: 3 } as const;

/** What became of the last step: taken, skipped, or skipped although the scale was the least. */
export const STEP_OUTCOME = { taken: 0, skipped: 1, hopeless: 2 } as const;

/** Elements between two seeds: views start at multiples of 256 bytes. */
const SEED_STRIDE = 64;

/**
 * Checks the numbers. Powers of two, because multiplying by them changes no digit of a gradient.
 * @throws {InputError} naming the number that does not fit
 */
export function checkLossScale({ initial, growthInterval, least, most }: LossScaleOptions): void {
  for (const [name, value] of Object.entries({ initial, least, most })) {
    if (!(value >= 2 ** -24 && value <= 2 ** 60) || !Number.isInteger(Math.log2(value))) {
      throw new InputError(`The loss scale's ${name} is ${value}: expected a power of two from 2^-24 to 2^60.`);
    }
  }
  if (!(least <= initial && initial <= most)) throw new InputError(`The loss scale begins at ${initial}: expected at least ${least} and at most ${most}.`);
  if (!Number.isInteger(growthInterval) || growthInterval < 1 || growthInterval > 2 ** 24) {
    throw new InputError(`The loss scale's growth interval is ${growthInterval}: expected a whole number from 1 to 2^24.`);
  }
}

/**
 * The state at the start of a run.
 * @returns [4]: scale, steps without overflow since it last changed, overflows so far, outcome of the last step; see
 *   LOSS_SCALE_STATE
 * @throws {InputError} as {@link checkLossScale}
 */
export function initialLossScale(engine: Engine, options: LossScaleOptions = LOSS_SCALE): Tensor {
  checkLossScale(options);
  return engine.tensor([options.initial, 0, 0, 0], [4], 'f32', 'loss scale');
}

/**
 * Where the backward pass begins: weight · scale for each loss, in one launch.
 * @param state [4] of {@link initialLossScale}
 * @param weights of the losses
 * @returns [1] each
 * @throws {ShapeError} when state is not [4]
 */
export function scaledSeeds(engine: Engine, state: Tensor, weights: readonly number[]): Tensor[] {
  expectShape('scaledSeeds: state', state.shape, [4]);
  const spread = new Float32Array(weights.length * SEED_STRIDE);
  weights.forEach((weight, index) => {
    spread[index * SEED_STRIDE] = weight;
  });
  const seeds = engine.empty([spread.length], 'f32', 'scaled seeds');
  scaleByScalar(engine, state, 1, seeds, engine.tensor(spread, [spread.length]));
  return weights.map((_, index) => engine.view(seeds, index * SEED_STRIDE, [1]));
}

/**
 * Norm of the gradients without the loss scale, the factor that takes the scale out and clips, and the scale's move:
 * two stages of fixed order. After a gradient that is not finite the factor is 0, which makes `adamw`, `ema` and
 * `priorUpdate` leave everything as it is.
 * @param gradients f32 arena of scaled gradients, a multiple of 4 elements
 * @param limit largest norm, of the gradients without the scale
 * @param state [4] of {@link initialLossScale}; moves on
 * @param hyper [8] of `adamwHyper`; its bias corrections are overwritten with those of the steps that were not skipped
 * @returns [2]: factor, norm
 * @throws {InputError} as {@link checkLossScale}
 * @throws {ShapeError} when state is not [4] or hyper not [8]
 */
export function clipScaledGradients(
  engine: Engine,
  gradients: Tensor,
  limit: number,
  { state, hyper, options }: { readonly state: Tensor; readonly hyper: Tensor; readonly options: LossScaleOptions },
): Tensor {
  checkLossScale(options);
  expectShape('clipScaledGradients: state', state.shape, [4]);
  expectShape('clipScaledGradients: hyper', hyper.shape, [8]);
  const partial = sumSquares(engine, gradients);
  const result = engine.empty([2]);
  const { growthInterval, least, most } = options;
  engine.dispatch({
    shader: 'optimizer/loss_scale_finish',
    tensors: { partial, state, hyper, result },
    params: { count: partial.size, limit, growth_interval: growthInterval, least, most },
    workgroups: [1],
  });
  return result;
}
