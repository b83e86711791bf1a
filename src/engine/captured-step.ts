/**
 * A step that was traced once and is replayed many times: a fixed list of commands with a static memory plan,
 * pipelines compiled in parallel, and bind groups made once. Replaying creates nothing on the device.
 */
import type { BufferPool } from './buffers.js';
import { formatBytes } from './buffers.js';
import type { Command } from './commands.js';
import { encode, makeReady, type ReadyCommand } from './encode.js';
import { DeviceError } from './errors.js';
import { planMemory, type MemoryPlan } from './memory-plan.js';
import { plannedStorage, tensorsOf, writtenBy, type Recorder } from './recorder.js';
import { profileCommands, type ProfileEntry } from './profile.js';
import { cutSubmissions, type SubmissionLimits } from './submissions.js';
import type { Storage } from './tensor.js';

const UNIFORM_ALIGNMENT = 256;
/** Slots of so many bytes go back to the device with their step: the next step's have other sizes. */
const LARGE_SLOT = 16 * 2 ** 20;

/**
 * A traced computation, ready to be replayed; made by `Engine.capture`. `prepare` compiles and allocates, `run` replays, as
 * often as wanted, and `destroy` gives the memory back. A replay reads and writes the tensors from outside where they are,
 * and overwrites the outputs of the replay before.
 * @typeParam Outputs what the traced function returned: tensors, alone or in arrays and plain objects
 */
export class CapturedStep<Outputs> {
  readonly commands: readonly Command[];
  readonly plan: MemoryPlan;
  private ready: ReadyCommand[] = [];
  private readonly slots: GPUBuffer[] = [];
  private uniforms: GPUBuffer | null = null;
  private readonly lifetimesOf: readonly Storage[];
  /** Storages that lie in others of the plan. */
  private readonly parts: readonly Storage[];
  /** The end of each submission of a replay, as an index into the commands; see `cutSubmissions`. */
  readonly submissions: readonly number[];

  constructor(
    readonly name: string,
    readonly outputs: Outputs,
    private readonly device: GPUDevice,
    private readonly pool: BufferPool,
    private readonly flushEager: () => void,
    recorder: Recorder,
    outputStorages: ReadonlySet<Storage>,
    private readonly ownedStorages: readonly Storage[],
    limits: SubmissionLimits,
  ) {
    this.commands = recorder.commands;
    this.submissions = cutSubmissions(this.commands, limits);
    const first = new Map<Storage, number>();
    const last = new Map<Storage, number>();
    this.commands.forEach((command, index) => {
      for (const tensor of tensorsOf(command)) {
        if (!recorder.storages.has(tensor.storage)) continue;
        const storage = plannedStorage(tensor.storage);
        if (!first.has(storage)) first.set(storage, index);
        last.set(storage, index);
      }
    });
    this.lifetimesOf = [...first.keys()];
    this.parts = [...recorder.storages].filter(({ within }) => within !== null);
    const kept = new Set([...outputStorages].map(plannedStorage));
    const apart = this.storagesApart();
    this.plan = planMemory(
      this.lifetimesOf.map((storage, index) => ({
        apart: apart[index],
        byteLength: storage.byteLength,
        first: first.get(storage) as number,
        // What the caller gets back must outlive the step, so nothing may come after it in its slot,
        last: kept.has(storage) ? this.commands.length : (last.get(storage) as number),
      })),
    );
  }

  /**
   * For each storage of the plan, those that meet it in a command that writes one of the two.
   * @throws {DeviceError} for a command that reads one part of a joined storage and writes another
   */
  private storagesApart(): Set<number>[] {
    const placeOf = new Map(this.lifetimesOf.map((storage, index) => [storage, index]));
    const apart = this.lifetimesOf.map(() => new Set<number>());
    for (const command of this.commands) {
      const met = tensorsOf(command).flatMap(({ storage }) => placeOf.get(plannedStorage(storage)) ?? []);
      const writes = new Set(writtenBy(command).map(({ storage }) => storage));
      for (const storage of writes) {
        const written = placeOf.get(plannedStorage(storage));
        if (written === undefined) continue;
        // Two parts may both be written: WebGPU refuses a buffer in two usages, not two places of it in one.
        if (tensorsOf(command).some((other) => !writes.has(other.storage) && plannedStorage(other.storage) === plannedStorage(storage))) {
          throw new DeviceError(`Step ${this.name}: a command uses ${storage.label} beside another part of ${plannedStorage(storage).label}, and writes one of them.`);
        }
        for (const other of met) {
          if (other === written) continue;
          apart[written].add(other);
          apart[other].add(written);
        }
      }
    }
    return apart;
  }

  /** Number of kernel launches of one replay. */
  get dispatches(): number {
    return this.commands.filter((command) => command.kind === 'dispatch').length;
  }

  /** Floating-point operations of one replay, as far as the kernels state them. */
  get flops(): number {
    return this.commands.reduce((sum, command) => sum + (command.kind === 'dispatch' ? (command.call.flops ?? 0) : 0), 0);
  }

  /**
   * Compiles every pipeline (in parallel), allocates the planned memory and makes the bind groups.
   * @throws {DeviceError} when the device cannot hold the plan. Whatever is thrown, nothing stays allocated, and the step is
   *   destroyed.
   */
  async prepare(): Promise<this> {
    const programs = new Set(this.commands.flatMap((command) => (command.kind === 'dispatch' ? [command.program] : [])));
    try {
      await Promise.all([...programs].map((program) => program.compile()));
      await this.allocate();
    } catch (error) {
      this.discardSlots();
      this.destroy();
      throw error;
    }
    this.lifetimesOf.forEach((storage, index) => {
      storage.buffer = this.slots[this.plan.assignment[index]];
      storage.bufferOffset = this.plan.offsets[index];
    });
    for (const part of this.parts) {
      const { storage, byteOffset } = part.within as NonNullable<Storage['within']>;
      part.buffer = storage.buffer;
      part.bufferOffset = storage.bufferOffset + byteOffset;
    }
    this.makeCommandsReady();
    return this;
  }

  private async allocate(): Promise<void> {
    let refused = await this.takeSlots();
    if (refused) {
      // What earlier steps gave back may be what is missing.
      this.discardSlots();
      this.flushEager();
      this.pool.trim();
      refused = await this.takeSlots();
    }
    if (refused) throw new DeviceError(`Step ${this.name} needs ${formatBytes(this.plan.peakBytes)}, more than the device has: ${refused.message}`);
  }

  /** Takes the slots from the pool; the device's answer when it has no memory for them. */
  private async takeSlots(): Promise<GPUError | null> {
    this.device.pushErrorScope('out-of-memory');
    let refused: GPUError | null = null;
    try {
      for (const [index, byteLength] of this.plan.slots.entries()) {
        this.slots.push(this.pool.take(byteLength, `${this.name} slot ${index}`));
      }
    } finally {
      refused = await this.device.popErrorScope();
    }
    return refused;
  }

  /** Ends the slots' buffers: one for which there was no memory is invalid, and must not come back from the pool. */
  private discardSlots(): void {
    for (const buffer of this.slots.splice(0)) this.pool.discard(buffer);
  }

  private makeCommandsReady(): void {
    // Equal parameter blocks share a place.
    const places = new Map<string, number>();
    const blocks: ArrayBuffer[] = [];
    const placeOf = this.commands.map((command) => {
      if (command.kind !== 'dispatch' || !command.uniform) return -1;
      const key = new Uint32Array(command.uniform).join();
      const known = places.get(key);
      if (known !== undefined) return known;
      places.set(key, blocks.length);
      return blocks.push(command.uniform) - 1;
    });
    if (blocks.length > 0) {
      const bytes = new Uint8Array(blocks.length * UNIFORM_ALIGNMENT);
      blocks.forEach((block, index) => bytes.set(new Uint8Array(block), index * UNIFORM_ALIGNMENT));
      this.uniforms = this.device.createBuffer({
        size: bytes.byteLength,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
        label: `${this.name} parameters`,
      });
      this.device.queue.writeBuffer(this.uniforms, 0, bytes);
    }
    this.ready = this.commands.map((command, index) => {
      const place = placeOf[index];
      const uniform =
        place < 0 ? null : { buffer: this.uniforms as GPUBuffer, offset: place * UNIFORM_ALIGNMENT, size: blocks[place].byteLength };
      return makeReady(this.device, command, uniform);
    });
  }

  /** Submits one replay. Returns at once; read an output or wait for the queue to know that it is done. */
  run(): void {
    this.expectPrepared();
    this.flushEager();
    // Each part is submitted before the next is encoded: the device works while the CPU writes.
    for (const index of this.submissions.keys()) this.device.queue.submit([this.encodePart(index)]);
  }

  /** One replay as command buffers, to be submitted in this order and once; `run` does both. */
  encode(): GPUCommandBuffer[] {
    this.expectPrepared();
    return this.submissions.map((_, index) => this.encodePart(index));
  }

  private encodePart(index: number): GPUCommandBuffer {
    const encoder = this.device.createCommandEncoder();
    encode(encoder, this.ready, index === 0 ? 0 : this.submissions[index - 1], this.submissions[index]);
    return encoder.finish();
  }

  /**
   * One replay with the time of every launch.
   * @throws {DeviceError} when the device has no timestamp queries.
   */
  async profile(): Promise<ProfileEntry[]> {
    this.expectPrepared();
    this.flushEager();
    return profileCommands(this.device, this.commands, this.ready);
  }

  private expectPrepared(): void {
    if (this.ready.length === 0 && this.commands.length > 0) {
      throw new DeviceError(`Step ${this.name} was not prepared, or was destroyed; call prepare() first.`);
    }
  }

  /** Gives the step's memory back. Its outputs cannot be read afterwards. */
  destroy(): void {
    this.ready = [];
    this.uniforms?.destroy();
    this.uniforms = null;
    if (this.slots.some(({ size }) => size >= LARGE_SLOT)) this.flushEager();
    for (const buffer of this.slots.splice(0)) {
      if (buffer.size >= LARGE_SLOT) this.pool.discard(buffer);
      else this.pool.give(buffer);
    }
    for (const storage of [...this.lifetimesOf, ...this.parts]) {
      storage.buffer = null;
      storage.freed = true;
    }
    for (const storage of this.ownedStorages) {
      if (storage.freed) continue;
      storage.freed = true;
      if (storage.buffer) this.pool.give(storage.buffer);
      storage.buffer = null;
    }
  }
}
