import { ShapeError, expectShape, formatShape, gridFor, type Engine, type Tensor } from '../../engine/index.js';

/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), one block per counter.
 * @param counters u32 [N, 4]
 * @param keys u32 [N, 2]
 * @returns u32 [N, 4]
 * @throws {ShapeError} when counters or keys have other shapes
 */
export function philox(engine: Engine, counters: Tensor, keys: Tensor): Tensor {
  const [count] = counters.shape;
  expectShape('philox: counters', counters.shape, [count, 4]);
  expectShape('philox: keys', keys.shape, [count, 2]);
  const y = engine.empty([count, 4], 'u32');
  engine.dispatch({ shader: 'random/philox', tensors: { counters, keys, y }, params: { count }, workgroups: gridFor(count) });
  return y;
}

/**
 * Uniform random numbers in [0, 1), 24 bits each, a pure function of (seed, step, op, element).
 * @param shape of the result
 * @param stepKey u32 [2]: seed, step
 * @param op number that tells the random ops of one step apart
 * @throws {ShapeError} when stepKey is not [2]
 */
export function uniform(engine: Engine, shape: readonly number[], stepKey: Tensor, op: number): Tensor {
  if (stepKey.size !== 2) throw new ShapeError(`uniform: stepKey has shape ${formatShape(stepKey.shape)}, expected [2].`);
  const y = engine.empty(shape);
  engine.dispatch({
    shader: 'random/uniform',
    tensors: { step_key: stepKey, y },
    params: { count: y.size, op },
    workgroups: gridFor(Math.ceil(y.size / 4)),
    bytes: 4 * y.size,
  });
  return y;
}
