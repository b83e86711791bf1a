/**
 * Times work on a device, by the wall clock and by GPU timestamps at once. A timestamp is taken at the end of a pass:
 * there all work before it is done, while drivers may write one for the beginning of a pass ahead of earlier work. Time
 * is therefore what passes between the ends of two passes. A pass needs a launch in it, the marker: drivers may drop or
 * reorder an empty one.
 */
import { type CapturedStep, type Engine, type Tensor } from '../engine/index.js';
import { encode } from '../engine/encode.js';
import { fill } from '../kernels/elementwise/index.js';
import { probeClock, probeRoundTrip, timestampStep } from './clock.js';
import { Replay } from './replay.js';

/** Seconds of one sample, all its repeats together. `gpu` is null where the device has no timestamps. */
export interface Timing {
  readonly wall: number;
  readonly gpu: number | null;
}

/** Smallest step of each timer in seconds; `gpu` is null where there are no timestamps. */
export interface Quanta {
  readonly wall: number;
  readonly gpu: number | null;
}

/** Queries of the set: WebGPU allows 4096. */
const MAX_QUERIES = 4096;
/** Passes that the timestamps' step is probed with. */
const PROBES = 256;
/** A submission stays below this many seconds, so that no watchdog fires. */
const SUBMIT_SECONDS = 0.02;
/**
 * Launches of a submission at most. A GPU takes as many of 1 µs in that time; a CPU needs 3 µs to encode one, so a sample in
 * several submissions would have the GPU wait for it.
 */
const SUBMIT_LAUNCHES = { software: 2000, gpu: 16384 } as const;
/** Launches that are encoded before the first of them is submitted, for the same reason: what they cost is memory. */
const HELD_LAUNCHES = 65536;
const NANOSECONDS = 1e-9;

/** Submits each by itself: a driver may take all of one submission as one piece of work. */
function submitEach({ queue }: GPUDevice, buffers: readonly GPUCommandBuffer[]): void {
  for (const buffer of buffers) queue.submit([buffer]);
}

/** Times steps of one engine, in seconds. It holds a query set and small buffers until it is destroyed. */
export class DeviceTimer {
  private queries: GPUQuerySet | null;
  private readonly resolved: GPUBuffer | null;
  private readonly staging: GPUBuffer | null;
  private flush: Replay | null = null;
  private flushStep: CapturedStep<Tensor> | null = null;

  private constructor(
    readonly engine: Engine,
    private readonly marker: Replay,
    private readonly markerStep: CapturedStep<Tensor>,
    /** Seconds. */
    readonly now: () => number,
  ) {
    const { device } = engine;
    const timed = device.features.has('timestamp-query');
    this.queries = timed ? device.createQuerySet({ type: 'timestamp', count: MAX_QUERIES }) : null;
    this.resolved = timed ? device.createBuffer({ size: MAX_QUERIES * 8, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }) : null;
    this.staging = timed ? device.createBuffer({ size: MAX_QUERIES * 8, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }) : null;
  }

  /** @param now the wall clock in seconds */
  static async create(engine: Engine, now: () => number = () => performance.now() / 1000): Promise<DeviceTimer> {
    const step = engine.capture('marker', () => {
      const y = engine.empty([4]);
      fill(engine, y, 1);
      return y;
    });
    await step.prepare();
    return new DeviceTimer(engine, new Replay(engine, step), step, now);
  }

  /** True when the device can write timestamps that differ, as far as `probe` has looked. */
  get hasTimestamps(): boolean {
    return this.queries !== null;
  }

  /**
   * Steps of the clock, of a round trip and of the timestamps, in seconds; `clock` is the wall clock's own. That of the
   * timestamps is their tick or, where that is finer, the median cost of a pass (see timestampStep).
   */
  async probe(): Promise<Quanta & { readonly clock: number; readonly roundTrip: number }> {
    const clock = probeClock(this.now);
    const roundTrip = await probeRoundTrip(async () => {
      const encoder = this.engine.device.createCommandEncoder();
      this.marker.encode(encoder, 1);
      this.engine.device.queue.submit([encoder.finish()]);
      await this.engine.device.queue.onSubmittedWorkDone();
    }, this.now);
    let gpu: number | null = null;
    if (this.hasTimestamps) {
      const encoder = this.engine.device.createCommandEncoder();
      for (let at = 0; at < PROBES; at++) this.mark(encoder, at);
      gpu = timestampStep(await this.ticks(encoder, PROBES)) * NANOSECONDS;
      if (gpu === Infinity) {
        // Timestamps that stand still are none: times of 0 would be shown.
        gpu = null;
        this.queries?.destroy();
        this.queries = null;
      }
    }
    return { wall: Math.max(clock, roundTrip), gpu, clock, roundTrip };
  }

  /** One launch of the marker; a timestamp follows when all before it is done. */
  private mark(encoder: GPUCommandEncoder, query: number): void {
    if (!this.queries) return;
    const pass = encoder.beginComputePass({ timestampWrites: { querySet: this.queries, endOfPassWriteIndex: query } });
    const [command] = this.marker.ready;
    if (command.kind === 'dispatch') {
      pass.setPipeline(command.pipeline);
      pass.setBindGroup(0, command.bindGroup);
      pass.dispatchWorkgroups(command.x, command.y, command.z);
    }
    pass.end();
  }

  /** Submits what is held and the encoder with the first `count` queries resolved, and reads them when the device is done. */
  private async ticks(encoder: GPUCommandEncoder, count: number, held: readonly GPUCommandBuffer[] = []): Promise<bigint[]> {
    const { device } = this.engine;
    if (!this.queries || !this.resolved || !this.staging) {
      submitEach(device, [...held, encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return [];
    }
    encoder.resolveQuerySet(this.queries, 0, count, this.resolved, 0);
    encoder.copyBufferToBuffer(this.resolved, 0, this.staging, 0, count * 8);
    submitEach(device, [...held, encoder.finish()]);
    await this.staging.mapAsync(GPUMapMode.READ, 0, count * 8);
    const ticks = [...new BigInt64Array(this.staging.getMappedRange(0, count * 8).slice(0))];
    this.staging.unmap();
    return ticks;
  }

  /**
   * One sample: `repeats` repeats one after the other, hot. They are encoded before the first of them is submitted, as far
   * as memory allows, so that between its two timestamps the device does not wait for the CPU.
   * @param expected seconds of one repeat as far as known, by which submissions are cut
   */
  async sample(replay: Replay, repeats: number, expected: number): Promise<Timing> {
    const { device } = this.engine;
    const launches = Math.max(1, replay.ready.length);
    const most = this.engine.info.software ? SUBMIT_LAUNCHES.software : SUBMIT_LAUNCHES.gpu;
    const perSubmit = Math.max(1, Math.min(Math.floor(most / launches), Math.floor(SUBMIT_SECONDS / Math.max(expected, 1e-9))));
    let held: GPUCommandBuffer[] = [];
    let heldLaunches = 0;
    await this.engine.finish();
    const start = this.now();
    let encoder = device.createCommandEncoder();
    this.mark(encoder, 0);
    for (let done = 0; done < repeats; done += perSubmit) {
      const count = Math.min(perSubmit, repeats - done);
      if (expected > SUBMIT_SECONDS) encoder = replay.submitParts(encoder);
      else replay.encode(encoder, count);
      if (done + count === repeats) break;
      held.push(encoder.finish());
      heldLaunches += count * launches;
      encoder = device.createCommandEncoder();
      // Parts of a long step are submitted as they come, and so is what follows them; so is all where no timestamp is taken.
      if (expected > SUBMIT_SECONDS || heldLaunches >= HELD_LAUNCHES || !this.queries) {
        submitEach(device, held);
        [held, heldLaunches] = [[], 0];
      }
    }
    this.mark(encoder, 1);
    const ticks = await this.ticks(encoder, 2, held);
    const wall = this.now() - start;
    this.engine.checkDevice();
    return { wall, gpu: ticks.length === 2 ? Math.max(0, Number(ticks[1] - ticks[0]) * NANOSECONDS) : null };
  }

  /** Makes the buffer that is written between cold repeats; none for 0 bytes. */
  async prepareFlush(bytes: number): Promise<void> {
    if (bytes === 0) return;
    this.flushStep = this.engine.capture('cache flush', () => {
      const y = this.engine.empty([bytes / 4], 'f32', 'cache flush');
      fill(this.engine, y, 1);
      return y;
    });
    await this.flushStep.prepare();
    this.flush = new Replay(this.engine, this.flushStep);
  }

  /**
   * GPU seconds of one repeat after a buffer as large as asked for was written, so that no cache holds the inputs; null
   * without timestamps or without a flush buffer.
   */
  async coldSample(replay: Replay): Promise<number | null> {
    if (!this.flush || !this.queries) return null;
    const encoder = this.engine.device.createCommandEncoder();
    this.flush.encode(encoder, 1);
    this.mark(encoder, 0);
    replay.encode(encoder, 1);
    this.mark(encoder, 1);
    const ticks = await this.ticks(encoder, 2);
    return Math.max(0, Number(ticks[1] - ticks[0])) * NANOSECONDS;
  }

  /**
   * The same for what is too short to be told by itself: GPU seconds of `repeats` flushes with a repeat after each, less those
   * of as many flushes alone, for one repeat; and those of one flush, of which the difference must be no small part.
   */
  async coldDifference(replay: Replay, repeats: number): Promise<{ readonly each: number; readonly flush: number } | null> {
    if (!this.flush || !this.queries) return null;
    const encoder = this.engine.device.createCommandEncoder();
    this.flush.encode(encoder, 1);
    this.mark(encoder, 0);
    for (let done = 0; done < repeats; done++) {
      this.flush.encode(encoder, 1);
      replay.encode(encoder, 1);
    }
    this.mark(encoder, 1);
    for (let done = 0; done < repeats; done++) this.flush.encode(encoder, 1);
    this.mark(encoder, 2);
    const [start, middle, end] = await this.ticks(encoder, 3);
    const flush = Number(end - middle);
    return { each: (Math.max(0, Number(middle - start) - flush) * NANOSECONDS) / repeats, flush: (flush * NANOSECONDS) / repeats };
  }

  /**
   * GPU seconds of every command of one repeat: from the end of the one before to its own end. They add up to the whole.
   * Null without timestamps.
   */
  async breakdown(replay: Replay): Promise<number[] | null> {
    if (!this.queries) return null;
    await this.engine.finish();
    const seconds: number[] = [];
    const perBatch = MAX_QUERIES - 1;
    for (let first = 0; first < replay.ready.length; first += perBatch) {
      const count = Math.min(perBatch, replay.ready.length - first);
      const encoder = this.engine.device.createCommandEncoder();
      this.mark(encoder, 0);
      for (let at = 0; at < count; at++) {
        const command = replay.ready[first + at];
        if (command.kind !== 'dispatch') {
          encode(encoder, [command], 0, 1);
          this.mark(encoder, at + 1);
          continue;
        }
        const pass = encoder.beginComputePass({ timestampWrites: { querySet: this.queries, endOfPassWriteIndex: at + 1 } });
        pass.setPipeline(command.pipeline);
        pass.setBindGroup(0, command.bindGroup);
        pass.dispatchWorkgroups(command.x, command.y, command.z);
        pass.end();
      }
      const ticks = await this.ticks(encoder, count + 1);
      for (let at = 0; at < count; at++) seconds.push(Math.max(0, Number(ticks[at + 1] - ticks[at]) * NANOSECONDS));
    }
    return seconds;
  }

  /** Gives its memory back. */
  destroy(): void {
    this.queries?.destroy();
    this.resolved?.destroy();
    this.staging?.destroy();
    this.flush?.destroy();
    this.flushStep?.destroy();
    this.marker.destroy();
    this.markerStep.destroy();
  }
}
