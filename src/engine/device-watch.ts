import { DeviceError } from './errors.js';

/** Remembers the first thing that went wrong on a device, for whoever asks next. */
export class DeviceWatch {
  private failure: DeviceError | null = null;
  private ended = false;

  constructor(device: GPUDevice) {
    device.addEventListener('uncapturederror', (event) => {
      this.failure ??= new DeviceError(`The device reported an error: ${(event as GPUUncapturedErrorEvent).error.message}`);
    });
    void device.lost.then(({ reason, message }) => {
      if (!this.ended) this.failure ??= new DeviceError(`The GPU device was lost (${reason}): ${message}`);
    });
  }

  /** @throws {DeviceError} what went wrong first, if anything did. */
  check(): void {
    if (this.failure) throw this.failure;
  }

  /** From now on the device may be lost: it is about to be destroyed on purpose. */
  end(): void {
    this.ended = true;
  }
}
