import type { Command, Executor } from './commands.js';
import { byteLengthOf, type DType } from './dtype.js';
import { KernelError } from './errors.js';
import { PostponedWork } from './postponed.js';
import { formatShape, sizeOf, Storage, STORAGE_ALIGNMENT, Tensor } from './tensor.js';

/** Tensors that have become parts of one. */
export interface Joined {
  /** f32, all of the common storage. */
  readonly whole: Tensor;
  /** The element at which each tensor begins, a multiple of 64. */
  readonly offsets: readonly number[];
}

/** Writes down commands instead of running them; its tensors are virtual until a memory plan places them. */
export class Recorder implements Executor {
  readonly commands: Command[] = [];
  readonly storages = new Set<Storage>();
  readonly postponed = new PostponedWork();

  /**
   * A tensor without memory, for the memory plan to place.
   * @throws {ShapeError} when a dimension is no positive integer
   */
  empty(shape: readonly number[], dtype: DType, label: string): Tensor {
    const storage = new Storage(Math.ceil(byteLengthOf(dtype, sizeOf(shape)) / 16) * 16, label);
    this.storages.add(storage);
    return new Tensor(storage, shape, dtype);
  }

  /** Writes a command down, after the postponed work whose results it needs. */
  run(command: Command): void {
    this.postponed.settle({ reads: tensorsOf(command), writes: writtenBy(command) });
    this.commands.push(command);
  }

  /** True for an f32 tensor with a storage that was made in this step and is no part of another. */
  canJoin({ storage, dtype }: Tensor): boolean {
    return dtype === 'f32' && this.storages.has(storage) && !storage.within;
  }

  /**
   * Puts tensors side by side in one storage, so that one binding reaches all of them.
   * @param tensors that `canJoin` says yes to
   * @throws {KernelError} for any other
   */
  join(tensors: readonly Tensor[], label: string): Joined {
    let byteLength = 0;
    const places = tensors.map((tensor) => {
      const { storage, shape, dtype } = tensor;
      if (!this.canJoin(tensor)) throw new KernelError(label, `joins f32 tensors of the step that is being captured, given ${dtype} ${formatShape(shape)} of ${storage.label}.`);
      const byteOffset = byteLength;
      byteLength += Math.ceil(storage.byteLength / STORAGE_ALIGNMENT) * STORAGE_ALIGNMENT;
      return { storage, byteOffset };
    });
    const whole = this.empty([byteLength / 4], 'f32', label);
    if (new Set(places.map(({ storage }) => storage)).size < places.length) throw new KernelError(label, 'joins tensors with storages of their own; two of those given share one.');
    for (const { storage, byteOffset } of places) storage.within = { storage: whole.storage, byteOffset };
    return { whole, offsets: places.map(({ byteOffset }, index) => (byteOffset + tensors[index].byteOffset) / 4) };
  }
}

/** The storage that the memory plan knows: the storage itself, or the one that it is a part of. */
export function plannedStorage(storage: Storage): Storage {
  return storage.within?.storage ?? storage;
}

/** The tensors that a command touches. */
export function tensorsOf(command: Command): Tensor[] {
  if (command.kind === 'dispatch') return Object.values(command.call.tensors);
  return command.kind === 'clear' ? [command.tensor] : [command.source, command.destination];
}

/** The tensors that a command may write. */
export function writtenBy(command: Command): Tensor[] {
  if (command.kind === 'clear') return [command.tensor];
  if (command.kind === 'copy') return [command.destination];
  const { program, call } = command;
  return program.reflection.storages.flatMap(({ name, writable }) => (writable ? [call.tensors[name]] : []));
}
