import { byteLengthOf, type DType } from './dtype.js';
import { ShapeError } from './errors.js';

/** WebGPU's default `minStorageBufferOffsetAlignment`: views of a buffer start at multiples of it. */
export const STORAGE_ALIGNMENT = 256;

/**
 * The memory behind one or more tensors. While a step is being captured its storages are virtual:
 * `buffer` is null until the memory plan has given them a place.
 */
export class Storage {
  buffer: GPUBuffer | null = null;
  /** Where in the buffer the storage begins, in bytes, a multiple of 256: a memory plan puts several storages into one buffer. */
  bufferOffset = 0;
  /** True once the memory was given back; using it afterwards is an error. */
  freed = false;
  /** The storage of a captured step that this one has become a part of, and where in it; see `Engine.join`. */
  within: { readonly storage: Storage; readonly byteOffset: number } | null = null;

  constructor(
    readonly byteLength: number,
    readonly label: string,
  ) {}
}

/** Number of elements of a shape; an empty shape is a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** `[2, 3]`, as messages print a shape. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** @throws {ShapeError} unless both shapes are equal. */
export function expectShape(what: string, shape: readonly number[], expected: readonly number[]): void {
  if (shape.length !== expected.length || shape.some((dimension, axis) => dimension !== expected[axis])) {
    throw new ShapeError(`${what} has shape ${formatShape(shape)}, expected ${formatShape(expected)}.`);
  }
}

/** A dense row-major array on the device: a shape, a dtype and a place in a storage. */
export class Tensor {
  readonly size: number;
  /** True for parameters: the tape computes their gradient. */
  requiresGradient = false;
  /** Where a parameter's gradient is to be written, so that the optimiser finds all of them in one arena. */
  gradient: Tensor | null = null;

  /**
   * @throws {ShapeError} when a dimension is no positive integer, or the tensor does not fit its storage or lies unaligned
   *   in it
   */
  constructor(
    readonly storage: Storage,
    readonly shape: readonly number[],
    readonly dtype: DType,
    /** Start within the storage in bytes, a multiple of 256. */
    readonly byteOffset = 0,
  ) {
    for (const dimension of shape) {
      if (!Number.isInteger(dimension) || dimension < 1) {
        throw new ShapeError(`A tensor cannot have shape ${formatShape(shape)}: every dimension must be a positive integer.`);
      }
    }
    this.size = sizeOf(shape);
    if (byteOffset % STORAGE_ALIGNMENT !== 0) {
      throw new ShapeError(
        `A view of shape ${formatShape(shape)} would start at byte ${byteOffset}; views start at multiples of ${STORAGE_ALIGNMENT} bytes.`,
      );
    }
    if (byteOffset + this.byteLength > storage.byteLength) {
      throw new ShapeError(
        `A view of shape ${formatShape(shape)} at byte ${byteOffset} does not fit a storage of ${storage.byteLength} bytes.`,
      );
    }
  }

  /** In whole words of four bytes. */
  get byteLength(): number {
    return byteLengthOf(this.dtype, this.size);
  }
}
