import type { Constants } from './specialize.js';
import type { Program } from './program.js';
import type { Tensor } from './tensor.js';

/** Workgroup counts of a dispatch. */
export type Workgroups = readonly [x: number, y?: number, z?: number];

/** One launch of a kernel, as kernel modules describe it. */
export interface KernelCall {
  /** Name of the .wgsl file below shaders/, without its ending. */
  readonly shader: string;
  /** Values for the file's top-level constants. */
  readonly constants?: Constants;
  /** A tensor for every storage binding, by the binding's name. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** A number for every member of the uniform struct, by the member's name. */
  readonly params?: Readonly<Record<string, number>>;
  readonly workgroups: Workgroups;
  /** What the launch does, for profiles; the shader's name by default. */
  readonly label?: string;
  /** Floating-point operations of the launch, for benchmarks. */
  readonly flops?: number;
  /** Bytes that must move at least, for benchmarks. */
  readonly bytes?: number;
}

/** A launch whose program and uniform block are resolved. */
export interface DispatchCommand {
  readonly kind: 'dispatch';
  readonly call: KernelCall;
  readonly program: Program;
  readonly uniform: ArrayBuffer | null;
}

/** Fills a tensor with zero bytes. */
export interface ClearCommand {
  readonly kind: 'clear';
  readonly tensor: Tensor;
}

/** Copies all bytes of `source` to `destination`: of one size and dtype, in different storages. */
export interface CopyCommand {
  readonly kind: 'copy';
  readonly source: Tensor;
  readonly destination: Tensor;
}

/** What the engine can be told to do: the same list serves eager execution and captured steps. */
export type Command = DispatchCommand | ClearCommand | CopyCommand;

/** Takes commands and gives out memory: eagerly, or by writing a list for later. */
export interface Executor {
  empty(shape: readonly number[], dtype: Tensor['dtype'], label: string): Tensor;
  run(command: Command): void;
}
