/**
 * Times captured launches on a device: between the ends of two compute passes where there are timestamps (at a pass's
 * end all work before it is done), by the wall clock around a submission where there are none.
 */
import type { CapturedStep, Engine } from '../engine/index.js';
import { encode, makeReady, type ReadyCommand } from '../engine/encode.js';
import { fill } from '../kernels/elementwise/index.js';
import type { Timer } from './measure.js';

const UNIFORM_ALIGNMENT = 256;
/** A submission is expected to take no longer than this, so that no watchdog fires. */
const SUBMIT_NANOSECONDS = 20e6;
const SUBMIT_COMMANDS = 2000;
/** Passes, or round trips, that the timer's own step is probed with. */
const PROBES = 32;

/** The commands of a prepared step in a form that can be encoded many times over. */
export class Replay {
  readonly commands: readonly ReadyCommand[];
  private readonly uniforms: GPUBuffer | null;

  constructor(
    { device }: Engine,
    { commands }: CapturedStep<unknown>,
    /** Whose commands these are: the candidate's variant. */
    readonly label: string,
  ) {
    const blocks = commands.map((command) => (command.kind === 'dispatch' ? command.uniform : null));
    this.uniforms = blocks.some((block) => block !== null)
      ? device.createBuffer({ size: blocks.length * UNIFORM_ALIGNMENT, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, label: 'tuner parameters' })
      : null;
    this.commands = commands.map((command, index) => {
      const block = blocks[index];
      if (block === null || this.uniforms === null) return makeReady(device, command, null);
      device.queue.writeBuffer(this.uniforms, index * UNIFORM_ALIGNMENT, block);
      return makeReady(device, command, { buffer: this.uniforms, offset: index * UNIFORM_ALIGNMENT, size: block.byteLength });
    });
  }

  /** Gives the parameters' memory back; the step keeps its own. */
  destroy(): void {
    this.uniforms?.destroy();
  }
}

/** Make one with `create`, inside a scope; destroy it at the end. */
export class DeviceTimer implements Timer<Replay> {
  quantum = 1;
  readonly clock: 'gpu' | 'wall';
  private readonly queries: GPUQuerySet | null;
  private readonly resolved: GPUBuffer | null;
  private readonly staging: GPUBuffer | null;

  private constructor(
    private readonly engine: Engine,
    private readonly marker: Replay,
    private readonly markerStep: CapturedStep<unknown>,
    private readonly now: () => number,
  ) {
    const { device } = engine;
    const timed = device.features.has('timestamp-query');
    this.clock = timed ? 'gpu' : 'wall';
    this.queries = timed ? device.createQuerySet({ type: 'timestamp', count: PROBES }) : null;
    this.resolved = timed ? device.createBuffer({ size: PROBES * 8, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }) : null;
    this.staging = timed ? device.createBuffer({ size: PROBES * 8, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }) : null;
  }

  /**
   * A timer whose step is known.
   * @param now the wall clock in milliseconds
   */
  static async create(engine: Engine, now: () => number = () => performance.now()): Promise<DeviceTimer> {
    // A pass needs a launch in it: drivers may drop or reorder an empty one.
    const step = await engine
      .capture('marker', () => {
        const y = engine.empty([4]);
        fill(engine, y, 1);
        return y;
      })
      .prepare();
    const timer = new DeviceTimer(engine, new Replay(engine, step, 'marker'), step, now);
    timer.quantum = await timer.probe();
    return timer;
  }

  /** The smallest time between two marks, or of a round trip: what a sample must be long against. */
  private async probe(): Promise<number> {
    let smallest = Infinity;
    if (this.queries) {
      const encoder = this.engine.device.createCommandEncoder();
      for (let query = 0; query < PROBES; query++) this.mark(encoder, query);
      const ticks = await this.ticks(encoder, PROBES);
      for (let at = 1; at < PROBES; at++) {
        const step = Number(ticks[at] - ticks[at - 1]);
        if (step > 0) smallest = Math.min(smallest, step);
      }
      // All in one step of a coarse clock: Chrome's, the coarsest known, has steps of 100 microseconds.
      return smallest === Infinity ? 100_000 : smallest;
    }
    for (let trip = 0; trip < PROBES; trip++) {
      const taken = await this.time(this.marker, 1, 0);
      if (taken > 0) smallest = Math.min(smallest, taken);
    }
    return smallest === Infinity ? 1e6 : smallest;
  }

  private mark(encoder: GPUCommandEncoder, query: number): void {
    if (!this.queries) return;
    const [command] = this.marker.commands;
    const pass = encoder.beginComputePass({ timestampWrites: { querySet: this.queries, endOfPassWriteIndex: query } });
    if (command.kind === 'dispatch') {
      pass.setPipeline(command.pipeline);
      pass.setBindGroup(0, command.bindGroup);
      pass.dispatchWorkgroups(command.x, command.y, command.z);
    }
    pass.end();
  }

  /** Submits the encoder, waits for the device, and reads the first `count` timestamps. */
  private async ticks(encoder: GPUCommandEncoder, count: number): Promise<BigInt64Array> {
    const { device } = this.engine;
    if (!this.queries || !this.resolved || !this.staging) {
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return new BigInt64Array(0);
    }
    encoder.resolveQuerySet(this.queries, 0, count, this.resolved, 0);
    encoder.copyBufferToBuffer(this.resolved, 0, this.staging, 0, count * 8);
    device.queue.submit([encoder.finish()]);
    await this.staging.mapAsync(GPUMapMode.READ, 0, count * 8);
    const ticks = new BigInt64Array(this.staging.getMappedRange(0, count * 8).slice(0));
    this.staging.unmap();
    return ticks;
  }

  async time({ commands }: Replay, repeats: number, expected: number): Promise<number> {
    const { device } = this.engine;
    const perSubmit = Math.max(1, Math.floor(Math.min(SUBMIT_COMMANDS / Math.max(1, commands.length), SUBMIT_NANOSECONDS / Math.max(expected, 1))));
    await this.engine.finish();
    const start = this.now();
    let encoder = device.createCommandEncoder();
    this.mark(encoder, 0);
    for (let done = 0; done < repeats; done++) {
      if (done > 0 && done % perSubmit === 0) {
        device.queue.submit([encoder.finish()]);
        encoder = device.createCommandEncoder();
      }
      encode(encoder, commands, 0, commands.length);
    }
    this.mark(encoder, 1);
    const ticks = await this.ticks(encoder, 2);
    const wall = (this.now() - start) * 1e6;
    this.engine.checkDevice();
    // Timestamps may run backwards; such a sample counts as too short.
    return ticks.length === 2 ? Math.max(0, Number(ticks[1] - ticks[0])) : wall;
  }

  /** Gives its memory back. */
  destroy(): void {
    this.queries?.destroy();
    this.resolved?.destroy();
    this.staging?.destroy();
    this.marker.destroy();
    this.markerStep.destroy();
  }
}
