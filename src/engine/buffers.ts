import { DeviceError } from './errors.js';
import { STORAGE_ALIGNMENT } from './tensor.js';

/** Counts of what is alive on the device; a leak shows as a number that does not return to zero. */
export interface MemoryCounters {
  buffers: number;
  bytes: number;
  peakBytes: number;
}

const USAGE = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST, spelled out: GPUBufferUsage is no global before a GPU exists.

/** Creates and pools storage buffers, and counts them. */
export class BufferPool {
  readonly live: MemoryCounters = { buffers: 0, bytes: 0, peakBytes: 0 };
  private readonly free = new Map<number, GPUBuffer[]>();

  constructor(private readonly device: GPUDevice) {}

  /**
   * A buffer of at least `byteLength` bytes; its contents are undefined.
   * @throws {DeviceError} when one buffer, or one binding, cannot be so large on this device
   */
  take(byteLength: number, label: string): GPUBuffer {
    const size = Math.max(STORAGE_ALIGNMENT, Math.ceil(byteLength / STORAGE_ALIGNMENT) * STORAGE_ALIGNMENT);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (size > limit) {
      throw new DeviceError(`${label} needs ${formatBytes(size)} in one buffer; this device allows ${formatBytes(limit)}.`);
    }
    this.live.buffers += 1;
    this.live.bytes += size;
    this.live.peakBytes = Math.max(this.live.peakBytes, this.live.bytes);
    return this.free.get(size)?.pop() ?? this.device.createBuffer({ size, usage: USAGE, label });
  }

  /** Returns a buffer for reuse. Commands already encoded may still use it: the queue keeps their order. */
  give(buffer: GPUBuffer): void {
    this.live.buffers -= 1;
    this.live.bytes -= buffer.size;
    const bucket = this.free.get(buffer.size);
    if (bucket) bucket.push(buffer);
    else this.free.set(buffer.size, [buffer]);
  }

  /** Takes a buffer out of use for good: one that may be invalid. */
  discard(buffer: GPUBuffer): void {
    this.live.buffers -= 1;
    this.live.bytes -= buffer.size;
    buffer.destroy();
  }

  /** Destroys what is pooled and not in use. */
  trim(): void {
    for (const bucket of this.free.values()) for (const buffer of bucket) buffer.destroy();
    this.free.clear();
  }
}

/** `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const unit = bytes < 1024 ** 2 ? 1 : bytes < 1024 ** 3 ? 2 : 3;
  return `${(bytes / 1024 ** unit).toFixed(1)} ${['', 'KiB', 'MiB', 'GiB'][unit]}`;
}
