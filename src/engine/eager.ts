import type { BufferPool } from './buffers.js';
import type { Command, Executor } from './commands.js';
import { byteLengthOf, type DType } from './dtype.js';
import { encode, makeReady } from './encode.js';
import { sizeOf, Storage, Tensor } from './tensor.js';

/** Commands that wait for a submit at most: batches are cheap, long ones would delay errors. */
const BATCH = 32;
const UNIFORM_BUFFER_BYTES = 256;

/** Runs every command at once, in small batches; memory comes from the pool. */
export class EagerExecutor implements Executor {
  private encoder: GPUCommandEncoder | null = null;
  private pending = 0;
  private readonly freeUniforms: GPUBuffer[] = [];
  private readonly usedUniforms: GPUBuffer[] = [];

  constructor(
    private readonly device: GPUDevice,
    private readonly pool: BufferPool,
    private readonly onStorage: (storage: Storage) => void,
  ) {}

  /**
   * A tensor with memory of its own from the pool; its contents are undefined.
   * @throws {DeviceError} when the device has no buffer that large
   * @throws {ShapeError} when a dimension is no positive integer
   */
  empty(shape: readonly number[], dtype: DType, label: string): Tensor {
    const storage = new Storage(Math.ceil(byteLengthOf(dtype, sizeOf(shape)) / 16) * 16, label);
    const tensor = new Tensor(storage, shape, dtype);
    storage.buffer = this.pool.take(storage.byteLength, label);
    this.onStorage(storage);
    return tensor;
  }

  /** Encodes a command; it is submitted with others, see `flush`. */
  run(command: Command): void {
    let uniform: GPUBufferBinding | null = null;
    if (command.kind === 'dispatch' && command.uniform) {
      const buffer =
        this.freeUniforms.pop() ??
        this.device.createBuffer({ size: UNIFORM_BUFFER_BYTES, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, label: 'parameters' });
      this.usedUniforms.push(buffer);
      this.device.queue.writeBuffer(buffer, 0, command.uniform);
      uniform = { buffer, size: command.uniform.byteLength };
    }
    const ready = makeReady(this.device, command, uniform);
    this.encoder ??= this.device.createCommandEncoder();
    encode(this.encoder, [ready], 0, 1);
    this.pending += 1;
    if (this.pending >= BATCH) this.flush();
  }

  /** Submits what is waiting. Needed before anything that the queue does outside the encoder (writes, reads). */
  flush(): void {
    if (!this.encoder) return;
    this.device.queue.submit([this.encoder.finish()]);
    this.encoder = null;
    this.pending = 0;
    this.freeUniforms.push(...this.usedUniforms.splice(0));
  }

  /** Submits what is waiting and destroys the buffers of kernel parameters. */
  destroy(): void {
    this.flush();
    for (const buffer of this.freeUniforms.splice(0)) buffer.destroy();
  }
}
