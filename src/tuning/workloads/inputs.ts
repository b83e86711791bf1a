/** Synthetic data for measurements: the same in every run, and nothing that slows arithmetic down or makes NaN. */
import type { Engine, Tensor, TypedArray } from '../../engine/index.js';
import type { DType } from '../../engine/index.js';

/** Numbers that are made; longer tensors repeat them. A prime, so that rows do not repeat each other. */
const PERIOD = 65_521;

let block: Float32Array | null = null;

/** PERIOD numbers in [0.25, 1): positive, so that square roots and logarithms of them are finite. */
function numbers(): Float32Array {
  if (block) return block;
  block = new Float32Array(PERIOD);
  let state = 1;
  for (let index = 0; index < PERIOD; index++) {
    // A linear congruential generator with the constants of Numerical Recipes; nothing statistical rests on it.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    block[index] = 0.25 + (0.75 * (state >>> 8)) / 2 ** 24;
  }
  return block;
}

/** Whole numbers of integer tensors lie below this: row numbers that even small tables have. */
const INTEGERS = 8;

/**
 * Contents of a tensor.
 * @param signed centred on 0, in [-0.75, 0.75), where sums should not grow
 */
export function syntheticValues(size: number, dtype: DType = 'f32', signed = false): TypedArray {
  const source = numbers();
  if (dtype === 'u32' || dtype === 'i32') {
    const integers = Uint32Array.from({ length: size }, (_, index) => Math.floor(source[index % PERIOD] * 1e6) % INTEGERS);
    return dtype === 'u32' ? integers : new Int32Array(integers.buffer);
  }
  const values = new Float32Array(size);
  for (let start = 0; start < size; start += PERIOD) values.set(source.subarray(0, Math.min(PERIOD, size - start)), start);
  return signed ? values.map((value) => 2 * value - 1.25) : values;
}

/** A new tensor of signed synthetic numbers. */
export function signedInput(engine: Engine, shape: readonly number[], dtype: 'f32' | 'f16' = 'f32'): Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return engine.tensor(syntheticValues(size, 'f32', true), shape, dtype);
}

/** A new f32 tensor of positive synthetic numbers. */
export function positiveInput(engine: Engine, shape: readonly number[]): Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return engine.tensor(syntheticValues(size), shape);
}
