import type { Command, Executor } from './commands.js';
import { byteLengthOf, type DType } from './dtype.js';
import { sizeOf, Storage, Tensor } from './tensor.js';

/** Writes down commands instead of running them; its tensors are virtual until a memory plan places them. */
export class Recorder implements Executor {
  readonly commands: Command[] = [];
  readonly storages = new Set<Storage>();

  empty(shape: readonly number[], dtype: DType, label: string): Tensor {
    const storage = new Storage(Math.ceil(byteLengthOf(dtype, sizeOf(shape)) / 16) * 16, label);
    this.storages.add(storage);
    return new Tensor(storage, shape, dtype);
  }

  run(command: Command): void {
    this.commands.push(command);
  }
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
