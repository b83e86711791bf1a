/** Measures the choices of a piece of work on a device and keeps the winners. */
import { DeviceError, type Engine } from '../engine/index.js';
import type { Replay } from '../timing/replay.js';
import { summarize } from '../timing/statistics.js';
import { CandidateFailure, makeCandidates, type Candidate } from './candidates.js';
import { decide } from './decide.js';
import { deviceClock, type DeviceClock } from './device-clock.js';
import { hashOfShaders } from './hash.js';
import { measure, type Samples, type Timer } from './measure.js';
import { recordKey, type CandidateTime, type TuningRecord } from './record.js';
import { traceProblems, type TracedProblem } from './trace.js';
import { TUNED_FAMILIES } from './workloads/index.js';

/** How a device is tuned. */
export interface TuneOptions {
  /** A new engine on the adapter to be tuned; called again when a candidate broke the one before. */
  open(): Promise<Engine>;
  /** WGSL sources that the engine was opened with. */
  readonly sources: Readonly<Record<string, string>>;
  /** Records that hold: their problems are not measured again. */
  readonly known?: readonly TuningRecord[];
  /** Leaves problems out. */
  readonly wanted?: (problem: TracedProblem) => boolean;
  /** Something to time with in place of the device's clock, for tests. */
  readonly timerOf?: (engine: Engine) => Promise<DeviceClock>;
  /** A problem was measured just now; awaited, so that it can be stored before the next one. What it throws ends the tuning. */
  readonly onMeasured?: (record: TuningRecord) => Promise<void>;
  /** A problem was measured, is known, or turned out to have nothing to choose (null). */
  readonly onProblem?: (problem: TracedProblem, record: TuningRecord | null, done: number, total: number) => void;
  /** Stops between two problems; what was measured is kept. */
  readonly signal?: AbortSignal;
}

/** What came of it. */
export interface TuneResult {
  /** Every record that holds for the work: measured now, or known. */
  readonly records: readonly TuningRecord[];
  /** How many of them were measured now. */
  readonly measured: number;
  /** Problems that could not be measured, with the reason. */
  readonly failed: readonly { readonly family: string; readonly problem: string; readonly reason: string }[];
}

/** A winner may change what problems come up after it (partial sums of another size): traced again until none is new. */
const MOST_TRACES = 3;

function timesOf(list: readonly Candidate[], samples: ReadonlyMap<string, Samples>): CandidateTime[] {
  return list.map(({ variant, sameAs, error, note }) => {
    const taken = samples.get(sameAs ?? variant);
    if (!taken || taken.nanoseconds.length === 0) {
      return { variant, nanoseconds: null, spread: null, n: 0, repeats: taken?.repeats ?? 0, error, note: note || (taken?.note ?? '') };
    }
    const { median, q1, q3 } = summarize(taken.nanoseconds);
    return { variant, nanoseconds: median, spread: [q1, q3], n: taken.nanoseconds.length, repeats: taken.repeats, error, note: note || taken.note };
  });
}

/**
 * Times all candidates and, where one beats the rule's variant, those two again: it has to win twice, so that a moment
 * in which the machine was busy decides nothing. The record holds the samples of both.
 */
async function race(
  timer: Timer<Replay>,
  subjects: ReadonlyMap<string, Replay>,
  list: readonly Candidate[],
  rule: string,
): Promise<{ candidates: CandidateTime[]; winner: string }> {
  // A rule's variant with the launches of another one is timed as that one.
  const keep = list.find(({ variant }) => variant === rule)?.sameAs ?? rule;
  const first = await measure(timer, subjects, keep);
  const winner = decide(timesOf(list, first), rule);
  if (winner === rule || !subjects.has(keep)) return { candidates: timesOf(list, first), winner };
  const finalists = new Map([...subjects].filter(([variant]) => variant === keep || variant === winner));
  const second = await measure(timer, finalists, keep);
  const both = new Map(first);
  for (const [variant, { nanoseconds, repeats, note }] of second) {
    both.set(variant, { nanoseconds: [...(first.get(variant)?.nanoseconds ?? []), ...nanoseconds], repeats, note });
  }
  return { candidates: timesOf(list, both), winner: decide(timesOf(list, second), rule) };
}

/** One engine at a time, replaced when it is broken. */
class Bench {
  private engine: Engine | null = null;
  private timer: DeviceClock | null = null;
  /** Winners so far, in force on every engine. */
  readonly winners = new Map<string, string>();

  constructor(private readonly options: TuneOptions) {}

  async device(): Promise<Engine> {
    if (!this.engine) {
      this.engine = await this.options.open();
      this.engine.useTuned((family, problem) => this.winners.get(recordKey({ family, problem })));
    }
    return this.engine;
  }

  async clock(): Promise<Timer<Replay>> {
    const engine = await this.device();
    this.timer ??= await (this.options.timerOf ?? deviceClock)(engine);
    return this.timer;
  }

  close(): void {
    this.timer?.destroy();
    this.engine?.destroy();
    this.timer = null;
    this.engine = null;
  }

  /** @returns null when there is nothing to choose */
  async measure(traced: TracedProblem): Promise<TuningRecord | null> {
    const excluded = new Map<string, string>();
    for (;;) {
      try {
        return await this.attempt(traced, excluded);
      } catch (error) {
        // Whatever failed may have left the device in error: the next attempt gets a new one.
        this.close();
        if (!(error instanceof CandidateFailure) || excluded.has(error.variant)) throw error;
        excluded.set(error.variant, error.message);
      }
    }
  }

  private async attempt(traced: TracedProblem, excluded: ReadonlyMap<string, string>): Promise<TuningRecord | null> {
    const { family, problem, byRule: rule } = traced;
    const engine = await this.device();
    const timer = await this.clock();
    return engine.scope(async () => {
      const made = await makeCandidates(engine, traced, excluded);
      if (!made) return null;
      const subjects = new Map<string, Replay>();
      for (const { variant, replay } of made.list) if (replay) subjects.set(variant, replay);
      const { candidates, winner } = await race(timer, subjects, made.list, rule);
      made.destroy();
      const kernels = await hashOfShaders(made.shaders, this.options.sources);
      if (kernels === null) throw new DeviceError(`A shader of ${family} is not among the sources that were given to the tuner.`);
      return {
        family,
        problem,
        rule,
        winner,
        candidates,
        shaders: [...made.shaders],
        kernels,
        clock: timer.clock,
        date: new Date().toISOString(),
      };
    });
  }
}

/** In the order of the families, and within a family as they came up. */
function inOrder(problems: readonly TracedProblem[]): TracedProblem[] {
  const place = ({ family }: TracedProblem): number => TUNED_FAMILIES.indexOf(family);
  return problems.filter((problem) => place(problem) >= 0).sort((a, b) => place(a) - place(b));
}

/**
 * Tunes what a piece of work chooses.
 * @param build captures the work's steps on an engine, inside a scope of its own; they need not run. Called at least
 *   once, and again while winners bring up new problems.
 * @throws what `open`, `build` and `onMeasured` throw
 */
export async function tuneStep(build: (engine: Engine) => unknown, options: TuneOptions): Promise<TuneResult> {
  const { known = [], wanted = () => true, onMeasured, onProblem, signal } = options;
  const bench = new Bench(options);
  const held = new Map(known.map((record) => [recordKey(record), record]));
  for (const record of known) bench.winners.set(recordKey(record), record.winner);
  const records = new Map<string, TuningRecord>();
  const settled = new Set<string>();
  const failed: { family: string; problem: string; reason: string }[] = [];
  let measured = 0;
  try {
    for (let trace = 0; trace < MOST_TRACES; trace++) {
      const engine = await bench.device();
      const traced = await engine.scope(() => traceProblems(engine, () => build(engine)));
      const fresh = inOrder(traced).filter((problem) => wanted(problem) && !settled.has(recordKey(problem)));
      if (fresh.length === 0) break;
      let news = false;
      for (const [index, problem] of fresh.entries()) {
        if (signal?.aborted) return { records: [...records.values()], measured, failed };
        const key = recordKey(problem);
        settled.add(key);
        const before = held.get(key);
        // A record of other candidates (a variant was added since) does not say who wins now.
        const same = before && before.candidates.map(({ variant }) => variant).sort().join() === [...problem.candidates].sort().join();
        let record: TuningRecord | null = same ? before : null;
        if (!record) {
          try {
            record = await bench.measure(problem);
            if (record) measured += 1;
          } catch (error) {
            bench.close();
            failed.push({ family: problem.family, problem: problem.problem, reason: error instanceof Error ? error.message.split('\n')[0] : String(error) });
          }
          if (record) await onMeasured?.(record);
        }
        if (record) {
          records.set(key, record);
          bench.winners.set(key, record.winner);
          news ||= record.winner !== problem.byRule;
        }
        onProblem?.(problem, record, index + 1, fresh.length);
      }
      if (!news) break;
    }
    return { records: [...records.values()], measured, failed };
  } finally {
    bench.close();
  }
}
