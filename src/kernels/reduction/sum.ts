import { expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseLaunch } from '../elementwise/geometry.js';
import { finishSumTogether, type ScalarSum } from './sums.js';

/** Elements that the single workgroup of the last stage takes without a first stage. */
const SINGLE_STAGE = 2048;

/** Workgroups of the first stage of a sum over `count` elements: at most 256, so that the last stage is short. */
export function partialGroups(count: number): number {
  return Math.max(1, Math.min(256, Math.ceil(count / 1024)));
}

/** What a sum adds up: the elements, their squares, or x log x (0 at x ≤ 0). */
export type SumMap = 'identity' | 'square' | 'xLogX';
const MAPS: Readonly<Record<SumMap, number>> = { identity: 0, square: 1, xLogX: 2 };

/** What a last stage adds up, and what it does with the sum. */
interface LastStage {
  readonly factor?: number;
  readonly offset?: number;
  /** Add up square roots. */
  readonly squareRoots?: boolean;
  /** The first number that is added, 0 by default, and how far the next one is from it, 1 by default. */
  readonly first?: number;
  readonly stride?: number;
}

/** @param counts whether the sum is an op of its own, not the second stage of one */
function launchFinish(engine: Engine, partial: Tensor, y: Tensor, { from, count, stride, factor, offset, squareRoots }: ScalarSum, counts: boolean): void {
  engine.dispatch({
    shader: 'reduction/sum_finish',
    constants: { MAP: squareRoots ? 1 : 0 },
    tensors: { partial, y },
    params: { count, first: from, stride, factor, offset },
    workgroups: [1],
    flops: counts ? count : 0,
    bytes: counts ? 4 * count : 0,
  });
}

function lastStage(partial: Tensor, { factor = 1, offset = 0, squareRoots = false, first = 0, stride = 1 }: LastStage): ScalarSum {
  return { from: first, to: 0, count: Math.ceil((partial.size - first) / stride), stride, factor, offset, squareRoots };
}

/**
 * Last stage of a sum: offset + factor · Σ partial, or of the square roots of partial. In a captured step last stages wait
 * for each other, and for a command that needs one of them. It states no work: what made `partial` does.
 * @param partial any shape, few elements; a first stage made for this sum: no launch reads one and writes another
 * @returns [1]
 */
export function finishSum(engine: Engine, partial: Tensor, options: LastStage = {}): Tensor {
  const y = engine.empty([1]);
  const sum = lastStage(partial, options);
  finishSumTogether(engine, partial, y, sum, () => launchFinish(engine, partial, y, sum, false));
  return y;
}

/**
 * offset + factor · Σ map(x), in a fixed order; not differentiable (see `sum` and `mean`).
 * @param x any shape
 * @param own true where x was made for this sum, see `finishSum`
 * @returns [1]
 */
export function sumOf(
  engine: Engine,
  x: Tensor,
  { map = 'identity', factor = 1, offset = 0, own = false }: { map?: SumMap; factor?: number; offset?: number; own?: boolean } = {},
): Tensor {
  if (map === 'identity' && x.size <= SINGLE_STAGE) {
    if (own) return finishSum(engine, x, { factor, offset });
    const y = engine.empty([1]);
    launchFinish(engine, x, y, lastStage(x, { factor, offset }), true);
    return y;
  }
  const groups = partialGroups(x.size);
  const partial = engine.empty([groups]);
  engine.dispatch({
    shader: 'reduction/sum_partial',
    constants: { MAP: MAPS[map] },
    tensors: { x, partial },
    params: { count: x.size },
    workgroups: [groups],
    flops: x.size,
    bytes: 4 * x.size,
  });
  return finishSum(engine, partial, { factor, offset });
}

/**
 * factor · Σ a b, in a fixed order; not differentiable.
 * @param a any shape
 * @param b the same shape
 * @returns [1]
 * @throws {ShapeError} when the shapes differ
 */
export function dotOf(engine: Engine, a: Tensor, b: Tensor, factor = 1): Tensor {
  expectShape('dotOf: b', b.shape, a.shape);
  const groups = partialGroups(a.size);
  const partial = engine.empty([groups]);
  engine.dispatch({
    shader: 'reduction/dot_partial',
    tensors: { a, b, partial },
    params: { count: a.size },
    workgroups: [groups],
    flops: 2 * a.size,
    bytes: 8 * a.size,
  });
  return finishSum(engine, partial, { factor });
}

/**
 * y = factor · scalar[0] · x, or factor · scalar[0] everywhere without x: the gradients of sums; not differentiable.
 * @param scalar [1]
 * @param y overwritten
 * @param x of y's shape
 */
export function scaleByScalar(engine: Engine, scalar: Tensor, factor: number, y: Tensor, x?: Tensor): void {
  engine.dispatch({
    shader: x ? 'reduction/multiply_scalar' : 'reduction/broadcast_scalar',
    tensors: x ? { scalar, x, y } : { scalar, y },
    params: { count: y.size, factor },
    ...elementwiseLaunch(engine, y.size),
    flops: y.size,
    bytes: (x ? 8 : 4) * y.size,
  });
}

function scaledSum(engine: Engine, name: string, x: Tensor, factor: number): Tensor {
  const y = sumOf(engine, x, { factor });
  engine.record(name, [x], [y], (context) => {
    if (context.needs(0)) scaleByScalar(engine, context.gradient(0), factor, context.target(0));
  });
  return y;
}

/**
 * Sum of all elements, two stages of fixed order; differentiable.
 * @param x any shape
 * @returns [1]
 */
export function sum(engine: Engine, x: Tensor): Tensor {
  return scaledSum(engine, 'sum', x, 1);
}

/**
 * Mean of all elements, two stages of fixed order; differentiable.
 * @param x any shape
 * @returns [1]
 */
export function mean(engine: Engine, x: Tensor): Tensor {
  return scaledSum(engine, 'mean', x, 1 / x.size);
}
