import { DeviceError } from './errors.js';

/** How long after a mapping that failed a device may take to say that it is lost. */
const NEWS_OF_LOSS_MS = 100;

/** Copies buffers to the CPU; its staging buffers are kept and used again. */
export class Readback {
  /** Staging buffers that nothing uses, by size. */
  private readonly free = new Map<number, GPUBuffer[]>();

  constructor(
    private readonly device: GPUDevice,
    private readonly checkDevice: () => void,
  ) {}

  /**
   * The bytes of a part of a buffer, after everything submitted so far.
   * @throws {DeviceError} when the device fails meanwhile
   */
  async bytes(buffer: GPUBuffer, offset: number, byteLength: number): Promise<ArrayBuffer> {
    const staging =
      this.free.get(byteLength)?.pop() ??
      this.device.createBuffer({ size: byteLength, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST, label: 'staging' });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, byteLength);
    this.device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (error) {
      // A mapping may fail before the device says that it is lost, which is the better reason (gpuweb issue 4177).
      await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, NEWS_OF_LOSS_MS))]);
      this.checkDevice();
      throw new DeviceError(`Reading from the device failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    const bytes = staging.getMappedRange().slice(0);
    staging.unmap();
    const bucket = this.free.get(byteLength);
    if (bucket) bucket.push(staging);
    else this.free.set(byteLength, [staging]);
    return bytes;
  }

  /** Destroys the staging buffers. */
  destroy(): void {
    for (const bucket of this.free.values()) for (const staging of bucket) staging.destroy();
    this.free.clear();
  }
}
