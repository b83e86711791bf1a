/** Element types of tensors. All are four bytes wide. */
export type DType = 'f32' | 'u32' | 'i32';

/** The typed array that holds a dtype on the CPU. */
export type TypedArray = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

export const BYTES_PER_ELEMENT = 4;

/** The dtype of a typed array; plain number arrays count as f32. */
export function dtypeOf(data: TypedArray | readonly number[]): DType {
  if (data instanceof Uint32Array) return 'u32';
  if (data instanceof Int32Array) return 'i32';
  return 'f32';
}

/** Wraps bytes read from the GPU in the typed array of `dtype`. */
export function typedArrayOf(dtype: DType, bytes: ArrayBuffer): TypedArray {
  if (dtype === 'u32') return new Uint32Array(bytes);
  if (dtype === 'i32') return new Int32Array(bytes);
  return new Float32Array(bytes);
}
