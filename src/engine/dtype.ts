import { halfBits, halfValues } from './half.js';

/** Element types of tensors. f16 is stored packed, two to a u32; the others are four bytes wide. */
export type DType = 'f32' | 'f16' | 'u32' | 'i32';

/** What holds elements on the CPU; those of f16 are read and written as f32 numbers, which hold every f16. */
export type TypedArray = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): 2 | 4 {
  return dtype === 'f16' ? 2 : 4;
}

/** Bytes of `size` elements, in whole words of four. */
export function byteLengthOf(dtype: DType, size: number): number {
  return Math.ceil((size * bytesPerElement(dtype)) / 4) * 4;
}

/** The dtype of a typed array; plain number arrays count as f32. */
export function dtypeOf(data: TypedArray | readonly number[]): DType {
  if (data instanceof Uint32Array) return 'u32';
  if (data instanceof Int32Array) return 'i32';
  return 'f32';
}

/** Unpacks `size` elements that were read from the GPU. */
export function typedArrayOf(dtype: DType, bytes: ArrayBuffer, size: number): TypedArray {
  if (dtype === 'u32') return new Uint32Array(bytes);
  if (dtype === 'i32') return new Int32Array(bytes);
  if (dtype === 'f16') return halfValues(new Uint16Array(bytes, 0, size));
  return new Float32Array(bytes);
}

/** Numbers as the GPU stores them, in whole words of four bytes; those of f16 are rounded to the nearest, ties to even. */
export function bytesOf(dtype: DType, data: TypedArray | readonly number[]): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  if (dtype === 'u32') return Uint32Array.from(data);
  if (dtype === 'i32') return Int32Array.from(data);
  if (dtype === 'f32') return Float32Array.from(data);
  const padded = new Uint16Array(byteLengthOf('f16', data.length) / 2);
  padded.set(halfBits(data));
  return padded;
}
