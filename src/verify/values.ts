/** Deterministic inputs: the same numbers on every machine and in every run. */

/** Numbers in [-1, 1) by a 32-bit mixing function (Mulberry32 by Tommy Ettinger); nothing statistical rests on them. */
export function randomValues(count: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  let state = Math.imul(seed + 1, 0x9e3779b1);
  for (let index = 0; index < count; index++) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    values[index] = ((mixed ^ (mixed >>> 14)) >>> 0) / 2147483648 - 1;
  }
  return values;
}

/** +1 and -1 at random. */
export function randomSigns(count: number, seed: number): Float64Array {
  return Float64Array.from(randomValues(count, seed), (value) => (value < 0 ? -1 : 1));
}

/** `count` whole numbers below `limit`. */
export function randomIndices(count: number, limit: number, seed: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(randomValues(count, seed), (value) => Math.min(limit - 1, Math.floor(((value + 1) / 2) * limit)));
}

/** An input in f32, as the device gets it. */
export interface Input {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Random numbers in [offset - spread, offset + spread). */
export function input(shape: readonly number[], seed: number, { spread = 1, offset = 0 }: { spread?: number; offset?: number } = {}): Input {
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  return { shape, data: randomValues(count, seed).map((value) => offset + spread * value) };
}
