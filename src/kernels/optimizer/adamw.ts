import { expectShape, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { itemLaunch } from '../elementwise/geometry.js';

/** Floats of a vec4. */
const VECTOR = 4;

/**
 * Workgroups of the gradient norm's first stage at most. A large GPU needs megabytes of loads on their way to be busy:
 * 1,024 workgroups of 64 lanes with four vec4s each have 4 MiB. A software adapter has few threads to fill, and adding
 * up the second stage costs it as much as the first stage of a small arena.
 */
const MOST_GROUPS = 1024;
const SOFTWARE_GROUPS = 16;

/** The four arenas of identical layout, what drives the step, and where weight decay ends. */
export interface AdamWArguments {
  /** f32 [P]: all parameters, P a multiple of 4 (padding is zero and stays zero). */
  readonly params: Tensor;
  readonly gradients: Tensor;
  /** First and second moments; start at zero. */
  readonly m: Tensor;
  readonly v: Tensor;
  /** f32 [8]: learning rate, β1, β2, ε, weight decay, 1 − β1^t, 1 − β2^t, t; see `adamwHyper`. */
  readonly hyper: Tensor;
  /** Elements before this index are decayed; a multiple of 4. */
  readonly decayEnd: number;
  /** f32 [2] of `clipScale` or `clipScaledGradients`. */
  readonly scale: Tensor;
  /** A running average of the parameters that moves in the same launch, by τ (f32 [1]) as `ema` does; none when left out. */
  readonly average?: { readonly target: Tensor; readonly decay: Tensor };
}

/** Elements as vec4s. @throws {ShapeError} when they are no multiple of 4 */
function vectors(what: string, count: number): number {
  if (count % VECTOR !== 0) throw new ShapeError(`${what} has ${count} elements, expected a multiple of ${VECTOR}.`);
  return count / VECTOR;
}

/**
 * AdamW (Loshchilov and Hutter 2019) over a whole arena in one launch, in place: decoupled weight decay, bias
 * correction, gradients multiplied by scale[0]. A factor of 0 (a gradient that is not finite) leaves all as it was.
 * @throws {ShapeError} when the arenas differ in shape or are no multiple of 4
 */
export function adamw(engine: Engine, { params, gradients, m, v, hyper, decayEnd, scale, average }: AdamWArguments): void {
  for (const [name, tensor] of Object.entries({ gradients, m, v, ...(average ? { average: average.target } : {}) })) expectShape(`adamw: ${name}`, tensor.shape, params.shape);
  expectShape('adamw: hyper', hyper.shape, [8]);
  expectShape('adamw: scale', scale.shape, [2]);
  if (average) expectShape('adamw: decay of the average', average.decay.shape, [1]);
  const count = vectors('adamw: params', params.size);
  const { constants, workgroups } = itemLaunch(engine, count);
  engine.dispatch({
    shader: 'optimizer/adamw',
    constants: { ...constants, AVERAGES: average !== undefined },
    // A written binding that is not touched still needs a storage of its own.
    tensors: { gradients, hyper, scale, parameters: params, m, v, tau: average?.decay ?? hyper, average: average?.target ?? engine.empty([4], 'f32', 'no average') },
    params: { count, decay_end: vectors('adamw: decayEnd', decayEnd) },
    workgroups,
    flops: (average ? 17 : 14) * params.size,
    bytes: (average ? 36 : 28) * params.size,
  });
}

/**
 * Contents of AdamW's `hyper` tensor at a step. The corrections follow from the betas as the device sees them: its
 * 1 − β is that of the rounded β (off by 3e-4 of itself at β = 0.9999), and only together do they cancel.
 * @param step number of the step, from 1
 */
export function adamwHyper(
  step: number,
  { learningRate, beta1, beta2, epsilon, weightDecay }: { learningRate: number; beta1: number; beta2: number; epsilon: number; weightDecay: number },
): Float32Array<ArrayBuffer> {
  const [rounded1, rounded2] = [Math.fround(beta1), Math.fround(beta2)];
  return Float32Array.of(learningRate, beta1, beta2, epsilon, weightDecay, 1 - rounded1 ** step, 1 - rounded2 ** step, step);
}

/**
 * Global gradient norm and the factor that clips it, min(1, limit / (norm + 1e-6)) as in torch; two stages, fixed
 * order. A norm that is not finite gives the factor 0.
 * @param gradients f32 arena, a multiple of 4 elements
 * @param limit largest norm
 * @returns [2]: factor, norm
 */
export function clipScale(engine: Engine, gradients: Tensor, limit: number): Tensor {
  const partial = sumSquares(engine, gradients);
  const result = engine.empty([2]);
  engine.dispatch({ shader: 'optimizer/clip_finish', tensors: { partial, result }, params: { count: partial.size, limit }, workgroups: [1] });
  return result;
}

/**
 * First stage of the gradient norm.
 * @param gradients f32 arena, a multiple of 4 elements
 * @returns [at most 1024]: sums of squares
 */
export function sumSquares(engine: Engine, gradients: Tensor): Tensor {
  const count = vectors('gradient norm: gradients', gradients.size);
  const groups = Math.max(1, Math.min(engine.info.software ? SOFTWARE_GROUPS : MOST_GROUPS, Math.ceil(count / 512)));
  const partial = engine.empty([groups]);
  engine.dispatch({
    shader: 'optimizer/sum_squares_partial',
    tensors: { x: gradients, partial },
    params: { count },
    workgroups: [groups],
    flops: 2 * gradients.size,
    bytes: 4 * gradients.size,
  });
  return partial;
}

/**
 * Exponential moving average of a whole arena in one launch, in place: target = τ target + (1 − τ) online.
 * @param arenas target and online [P], P a multiple of 4; hyper [1] = τ; scale [2] of `clipScale` or
 *   `clipScaledGradients`, whose factor 0 (a skipped step) leaves the target as it is, bit for bit
 * @throws {ShapeError} when the arenas differ in shape or are no multiple of 4
 */
export function ema(engine: Engine, { target, online, hyper, scale }: { target: Tensor; online: Tensor; hyper: Tensor; scale?: Tensor }): void {
  expectShape('ema: online', online.shape, target.shape);
  expectShape('ema: hyper', hyper.shape, [1]);
  const count = vectors('ema: target', target.size);
  const launch = itemLaunch(engine, count);
  engine.dispatch({
    shader: 'optimizer/ema',
    constants: { ...launch.constants, GATED: Boolean(scale) },
    tensors: { online, tau: hyper, average: target, gate: scale ?? hyper },
    params: { count },
    workgroups: launch.workgroups,
    flops: 3 * target.size,
    bytes: 12 * target.size,
  });
}
