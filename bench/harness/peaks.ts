/** What the device can do at best, measured by a copy and by multiply-adds in registers; and the canary. */
import { DeviceError, gridFor, type CapturedStep, type Engine, type Tensor } from '../../src/engine/index.js';
import type { DeviceTimer, Quanta, Timing } from '../../src/timing/device-timer.js';
import { Replay } from '../../src/timing/replay.js';
import { growRepeats, isLongEnough, QUANTA_PER_SAMPLE } from './sampler.js';
import type { Peak } from './schema.js';
import { median } from '../../src/timing/statistics.js';

/** Samples of each candidate. */
const SAMPLES = 5;
/** Seconds for each candidate. */
const SECONDS = 4;
const CHAINS = 8;
/** After so many numbers the copied ones repeat: a prime, so that no two blocks are alike. */
const PERIOD = 8191;

/** One kernel that tries for the peak. */
interface Candidate {
  readonly how: string;
  /** Bytes or operations of one run. */
  readonly work: number;
  capture(engine: Engine): CapturedStep<Tensor>;
  /** @throws {DeviceError} when the kernel computed something else */
  check(engine: Engine, y: Tensor): Promise<void>;
}

/** Seconds that count: of the GPU where there are timestamps. */
export const secondsOf = ({ gpu, wall }: Timing): number => gpu ?? wall;

function copyCandidate(bytes: number, perThread: number): Candidate {
  const count = bytes / 16;
  return {
    how: `copy of ${bytes / 2 ** 20} MiB, ${perThread} vec4 per thread`,
    work: 2 * bytes,
    capture(engine) {
      const values = new Float32Array(bytes / 4);
      for (let index = 0; index < values.length; index++) values[index] = index % PERIOD;
      const x = engine.tensor(values, [values.length]);
      return engine.capture('copy peak', () => {
        const y = engine.empty([bytes / 4]);
        engine.dispatch({ shader: 'bench/copy', constants: { PER_THREAD: perThread }, tensors: { x, y }, params: { count }, workgroups: gridFor(count, 64 * perThread) });
        return y;
      });
    },
    async check(engine, y) {
      const wrong = (await engine.read(y)).findIndex((value, at) => value !== at % PERIOD);
      if (wrong >= 0) throw new DeviceError(`The copy that measures the bandwidth is wrong at element ${wrong}.`);
    },
  };
}

/** The launch of bench/fma: `rounds` rounds by `threads` threads. */
function launchFma(engine: Engine, threads: number, rounds: number, width: 1 | 4): Tensor {
  const y = engine.empty([threads]);
  engine.dispatch({
    shader: 'bench/fma',
    constants: { value: width === 4 ? 'vec4<f32>' : 'f32', WIDTH: width },
    tensors: { y },
    params: { threads, rounds, factor: 1, term: 1 },
    workgroups: gridFor(threads),
  });
  return y;
}

function fmaCandidate(threads: number, rounds: number, width: 1 | 4): Candidate {
  return {
    how: `multiply-adds, ${CHAINS} chains of ${width === 4 ? 'vec4' : 'f32'} in ${threads} threads`,
    work: 2 * CHAINS * width * rounds * threads,
    capture: (engine) => engine.capture('multiply-add peak', () => launchFma(engine, threads, rounds, width)),
    async check(engine, y) {
      const expected = width * (CHAINS * rounds + (CHAINS * (CHAINS - 1)) / 2);
      const wrong = (await engine.read(y)).findIndex((value) => value !== expected);
      if (wrong >= 0) throw new DeviceError(`The multiply-adds that measure the peak are wrong in thread ${wrong}.`);
    },
  };
}

/** Work per second of a candidate, or null when it is below the timer's resolution. */
async function measureCandidate(timer: DeviceTimer, quanta: Quanta, candidate: Candidate): Promise<{ value: number; samples: number[] } | null> {
  const { engine } = timer;
  return engine.scope(async () => {
    const step = await candidate.capture(engine).prepare();
    const replay = new Replay(engine, step);
    try {
      step.run();
      await candidate.check(engine, step.outputs);
      const grown = await growRepeats((repeats) => timer.sample(replay, repeats, 0), quanta, timer.now, SECONDS);
      if (!grown.longEnough) return null;
      const expected = secondsOf(grown.last) / grown.repeats;
      const samples: number[] = [];
      for (let at = 0; at < SAMPLES; at++) {
        const timing = await timer.sample(replay, grown.repeats, expected);
        if (isLongEnough(timing, quanta)) samples.push(secondsOf(timing) / grown.repeats);
      }
      return samples.length === 0 ? null : { value: candidate.work / median(samples), samples };
    } finally {
      replay.destroy();
      step.destroy();
    }
  });
}

async function best(timer: DeviceTimer, quanta: Quanta, candidates: readonly Candidate[]): Promise<Peak | null> {
  const measured: { how: string; value: number; samples: number[] }[] = [];
  for (const candidate of candidates) {
    const result = await measureCandidate(timer, quanta, candidate);
    if (result) measured.push({ how: candidate.how, ...result });
  }
  measured.sort((a, b) => b.value - a.value);
  const [fastest] = measured;
  return fastest ? { ...fastest, tried: measured.map(({ how, value }) => ({ how, value })) } : null;
}

/** The fastest of several multiply-add kernels, in operations per second; null when the timer cannot tell. */
export function measureArithmetic(timer: DeviceTimer, quanta: Quanta): Promise<Peak | null> {
  // Enough threads to fill the largest GPU; a software adapter is full with few, and slow with many.
  const [threads, rounds] = timer.engine.info.software ? [4096, 256] : [1 << 19, 1024];
  return best(timer, quanta, ([1, 4] as const).map((width) => fmaCandidate(threads, rounds, width)));
}

/** The fastest of several copies and of several multiply-add kernels. Medians, so that rows can exceed them. */
export async function measurePeaks(timer: DeviceTimer, quanta: Quanta, copyBytes: number): Promise<{ copy: Peak | null; fma: Peak | null }> {
  return {
    copy: await best(timer, quanta, [1, 4, 16].map((perThread) => copyCandidate(copyBytes, perThread))),
    fma: await measureArithmetic(timer, quanta),
  };
}

/** Seconds of a canary sample at least, and its share of the shortest sample that it stands beside. */
const SHORTEST_CANARY = 1e-3;
const CANARY_SHARE = 0.1;
/** Canary samples at most whose median stands beside a long sample. */
const MOST_SONGS = 9;

/** A fixed piece of work that is timed between all samples: when its time changes, the device has changed. */
export class Canary {
  private constructor(
    private readonly timer: DeviceTimer,
    private readonly step: CapturedStep<Tensor>,
    private readonly replay: Replay,
    /** Launches in one sample. */
    readonly repeats: number,
    /** Of one sample, about. */
    private readonly seconds: number,
  ) {}

  /**
   * Registers only, so that nothing but clock speed and other users of the device can change its time. Its repeats are
   * set once: to the shortest that GPU timestamps tell (or the wall clock, where there are none), and long enough beside
   * the samples.
   */
  static async create(timer: DeviceTimer, quanta: Quanta): Promise<Canary> {
    const { engine } = timer;
    const threads = engine.info.software ? 256 : 1 << 15;
    const step = await engine.capture('canary', () => launchFma(engine, threads, 1024, 4)).prepare();
    const replay = new Replay(engine, step);
    const own = timer.hasTimestamps ? { wall: 0, gpu: quanta.gpu } : quanta;
    const { repeats } = await growRepeats((count) => timer.sample(replay, count, 0), own, timer.now, SECONDS);
    // Much shorter than the samples that it guards, it would see a scheduler's time slices that are nothing to them.
    const wanted = Math.max(SHORTEST_CANARY, CANARY_SHARE * QUANTA_PER_SAMPLE * quanta.wall);
    const { gpu, wall } = await timer.sample(replay, repeats, 0);
    const once = Math.max(gpu ?? wall, 1e-9);
    const longer = Math.max(1, Math.ceil(wanted / once));
    return new Canary(timer, step, replay, repeats * longer, once * longer);
  }

  /** One canary sample, by both clocks. */
  sample(): Promise<Timing> {
    return this.timer.sample(this.replay, this.repeats, 0);
  }

  /**
   * Canary samples to stand beside samples of a length. Beside long ones each is the median of several: a single short
   * one would see a scheduler's time slice that is nothing to work of a second.
   * @param seconds of the shortest sample that it guards
   * @param clock the one that the samples are timed by: a busy CPU is seen by the wall clock only
   */
  beside(seconds: number, clock: 'device' | 'wall'): () => Promise<number> {
    const count = Math.min(MOST_SONGS, Math.floor((CANARY_SHARE * seconds) / this.seconds));
    const once = async (): Promise<number> => {
      const timing = await this.sample();
      return clock === 'wall' ? timing.wall : secondsOf(timing);
    };
    return async () => {
      const times = [await once()];
      while (times.length < count) times.push(await once());
      return median(times);
    };
  }

  /** Gives its memory back. */
  destroy(): void {
    this.replay.destroy();
    this.step.destroy();
  }
}
