/** IEEE 754 binary16 on the CPU: what f16 tensors hold, in bits. */

const float = new Float32Array(1);
const bitsOfFloat = new Uint32Array(float.buffer);

/** 0.5 as f32 bits: the last place of f32 numbers from 0.5 to 1 is 2⁻²⁴, that of the smallest f16 numbers. */
const HALF_ONE = 0x3f000000;

/** The f16 nearest to an f32, ties to the even one; 65520 and more give infinity, NaN stays NaN. */
function bitsOf(value: number): number {
  float[0] = value;
  const all = bitsOfFloat[0];
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below 2⁻¹⁴: the sum is rounded in f32 to the last place that f16 has there.
  float[0] = Math.abs(float[0]) + 0.5;
  return sign | (bitsOfFloat[0] - HALF_ONE);
}

/** Bits of the f16 nearest to each number (rounded to f32 first, as the device sees it). */
export function halfBits(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, bitsOf);
}

/** The numbers that f16 bits stand for; every f16 is an f32. */
export function halfValues(bits: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 0x3ff;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
  });
}

/** Numbers rounded to f16 and back: what a tensor of dtype f16 keeps of them. */
export function roundToHalf(values: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return halfValues(halfBits(values));
}
