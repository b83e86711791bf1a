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
import { tensorsOf, type Recorder } from './recorder.js';
import type { Storage } from './tensor.js';

/** Launches per submit: short enough that no watchdog sees a long submission on a slow device. */
const COMMANDS_PER_SUBMIT = 48;
const UNIFORM_ALIGNMENT = 256;

/** Time that one launch took in a profiled replay. */
export interface ProfileEntry {
  readonly label: string;
  readonly shader: string;
  readonly nanoseconds: number;
  readonly flops: number;
  readonly bytes: number;
}

export class CapturedStep<Outputs> {
  readonly commands: readonly Command[];
  readonly plan: MemoryPlan;
  private ready: ReadyCommand[] = [];
  private readonly slots: GPUBuffer[] = [];
  private uniforms: GPUBuffer | null = null;
  private readonly lifetimesOf: readonly Storage[];

  constructor(
    readonly name: string,
    readonly outputs: Outputs,
    private readonly device: GPUDevice,
    private readonly pool: BufferPool,
    private readonly flushEager: () => void,
    recorder: Recorder,
    outputStorages: ReadonlySet<Storage>,
    private readonly ownedStorages: readonly Storage[],
  ) {
    this.commands = recorder.commands;
    const first = new Map<Storage, number>();
    const last = new Map<Storage, number>();
    this.commands.forEach((command, index) => {
      for (const { storage } of tensorsOf(command)) {
        if (!recorder.storages.has(storage)) continue;
        if (!first.has(storage)) first.set(storage, index);
        last.set(storage, index);
      }
    });
    this.lifetimesOf = [...first.keys()];
    this.plan = planMemory(
      this.lifetimesOf.map((storage) => ({
        byteLength: storage.byteLength,
        first: first.get(storage) as number,
        // What the caller gets back must outlive the step, so nothing may come after it in its slot,
        last: outputStorages.has(storage) ? this.commands.length : (last.get(storage) as number),
      })),
    );
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
   * @throws {DeviceError} when the device cannot hold the plan; nothing stays allocated then.
   */
  async prepare(): Promise<this> {
    const programs = new Set(this.commands.flatMap((command) => (command.kind === 'dispatch' ? [command.program] : [])));
    await Promise.all([...programs].map((program) => program.compile()));
    this.device.pushErrorScope('out-of-memory');
    try {
      for (const [index, byteLength] of this.plan.slots.entries()) {
        this.slots.push(this.pool.take(byteLength, `${this.name} slot ${index}`));
      }
    } finally {
      const error = await this.device.popErrorScope();
      if (error) {
        this.destroy();
        throw new DeviceError(`Step ${this.name} needs ${formatBytes(this.plan.peakBytes)}, more than the device has: ${error.message}`);
      }
    }
    this.lifetimesOf.forEach((storage, index) => {
      storage.buffer = this.slots[this.plan.assignment[index]];
    });
    this.makeCommandsReady();
    return this;
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
    for (let from = 0; from < this.ready.length; from += COMMANDS_PER_SUBMIT) {
      const encoder = this.device.createCommandEncoder();
      encode(encoder, this.ready, from, Math.min(from + COMMANDS_PER_SUBMIT, this.ready.length));
      this.device.queue.submit([encoder.finish()]);
    }
  }

  /**
   * One replay with a timestamp around every launch (so without overlap between them).
   * @throws {DeviceError} when the device has no timestamp queries.
   */
  async profile(): Promise<ProfileEntry[]> {
    this.expectPrepared();
    if (!this.device.features.has('timestamp-query')) {
      throw new DeviceError('This device has no timestamp queries; a profile needs them.');
    }
    this.flushEager();
    const count = this.dispatches;
    const byteLength = count * 2 * 8;
    const queries: GPUQuerySet[] = [];
    const resolved = this.device.createBuffer({ size: Math.max(byteLength, 256) + 256, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const staging = this.device.createBuffer({ size: resolved.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const perSet = 1024; // launches; a query set holds at most 4096 queries
    const encoder = this.device.createCommandEncoder();
    let launch = 0;
    for (const command of this.ready) {
      if (command.kind !== 'dispatch') {
        encode(encoder, [command], 0, 1);
        continue;
      }
      const place = launch % perSet;
      if (place === 0) queries.push(this.device.createQuerySet({ type: 'timestamp', count: perSet * 2 }));
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet: queries[queries.length - 1], beginningOfPassWriteIndex: place * 2, endOfPassWriteIndex: place * 2 + 1 },
      });
      pass.setPipeline(command.pipeline);
      pass.setBindGroup(0, command.bindGroup);
      pass.dispatchWorkgroups(command.x, command.y, command.z);
      pass.end();
      launch += 1;
    }
    queries.forEach((set, index) => {
      const launches = Math.min(perSet, count - index * perSet);
      encoder.resolveQuerySet(set, 0, launches * 2, resolved, index * perSet * 16);
    });
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, resolved.size);
    this.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const ticks = new BigInt64Array(staging.getMappedRange().slice(0, byteLength));
    staging.destroy();
    resolved.destroy();
    for (const set of queries) set.destroy();
    return this.commands
      .filter((command) => command.kind === 'dispatch')
      .map(({ call }, index) => ({
        label: call.label ?? call.shader,
        shader: call.shader,
        nanoseconds: Number(ticks[index * 2 + 1] - ticks[index * 2]),
        flops: call.flops ?? 0,
        bytes: call.bytes ?? 0,
      }));
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
    for (const buffer of this.slots.splice(0)) this.pool.give(buffer);
    for (const storage of this.lifetimesOf) {
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
