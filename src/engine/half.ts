/** IEEE 754 binary16 on the CPU: what f16 tensors hold, in bits. Loops over arrays: large tensors are converted whole. */

const float = new Float32Array(1);
const bitsOfFloat = new Uint32Array(float.buffer);

/** 0.5 as f32 bits: the last place of f32 numbers from 0.5 to 1 is 2⁻²⁴, that of the smallest f16 numbers. */
const HALF_ONE = 0x3f000000;

/** The f16 nearest to the f32 of these bits, ties to the even one; 65520 and more give infinity, NaN stays NaN. */
function bitsOf(all: number): number {
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below 2⁻¹⁴: the sum is rounded in f32 to the last place that f16 has there.
  bitsOfFloat[0] = magnitude;
  float[0] += 0.5;
  return sign | (bitsOfFloat[0] - HALF_ONE);
}

/** Bits of the f16 nearest to each number (rounded to f32 first, as the device sees it). */
export function halfBits(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const floats = new Float32Array(values);
  const bits = new Uint32Array(floats.buffer);
  const halves = new Uint16Array(bits.length);
  for (let at = 0; at < bits.length; at++) halves[at] = bitsOf(bits[at]);
  return halves;
}

/** The number that f16 bits stand for. */
function valueOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The value of every f16, made when one is wanted first. */
let valueByBits: Float32Array | null = null;

/** The numbers that f16 bits stand for; every f16 is an f32. */
export function halfValues(bits: ArrayLike<number>): Float32Array<ArrayBuffer> {
  valueByBits ??= Float32Array.from({ length: 65536 }, (_, half) => valueOf(half));
  const values = new Float32Array(bits.length);
  for (let at = 0; at < bits.length; at++) values[at] = valueByBits[bits[at]];
  return values;
}

/** Numbers rounded to f16 and back: what a tensor of dtype f16 keeps of them. */
export function roundToHalf(values: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return halfValues(halfBits(values));
}
