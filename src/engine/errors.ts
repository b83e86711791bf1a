/**
 * Base of every error that Zygo raises on purpose: its message is one plain sentence for a person,
 * naming what is wrong, where, and what was expected. The command line prints it without a stack trace.
 */
export class ZygoError extends Error {
  override name = 'ZygoError';
}

/** The input (option, file, value) cannot be used. The command line exits with code 2. */
export class InputError extends ZygoError {
  override name = 'InputError';
}

/** No usable WebGPU adapter, or the device was lost. */
export class DeviceError extends ZygoError {
  override name = 'DeviceError';
}

/** A kernel was called with bindings, parameters, shapes or dtypes that it does not take. */
export class KernelError extends ZygoError {
  override name = 'KernelError';
  constructor(
    readonly kernel: string,
    problem: string,
  ) {
    super(`Kernel ${kernel}: ${problem}`);
  }
}

/** An operation was given tensors whose shapes do not fit. */
export class ShapeError extends ZygoError {
  override name = 'ShapeError';
}
