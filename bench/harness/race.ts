/**
 * Measures Zygo beside other libraries. All contestants of a race are treated alike: inputs on the device, outputs
 * checked, compiled and warm, then sampled in turns by the wall clock, from the first submission of a sample to the end
 * of its last one, nothing read back. Other libraries cannot be timed by timestamps, so Zygo is not either here, nor is
 * the canary.
 */
import { type Engine } from '../../src/engine/index.js';
import type { Timing } from '../../src/timing/device-timer.js';
import { summarize } from '../../src/timing/statistics.js';
import { compared, emptyRow, isWrong, reasonOf, worst, type Bench, type GroupResult } from './measure.js';
import { ruleForGroup } from './options.js';
import { countCanaries, FEWEST_SAMPLES, fewText, growRepeats, NO_CANARIES, QUANTA_PER_SAMPLE, sampleInTurns, type CanaryCount } from './sampler.js';
import type { Row } from './schema.js';
import type { CheckedOutput, RowName } from './subject.js';

/** Work that is ready to be repeated. */
export interface ReadyWork {
  /** Submits one repeat; does not wait for it. */
  run(): void | Promise<void>;
  /** Waits until everything submitted is done. */
  finish(): Promise<void>;
  /** Outputs after the first run. */
  check(): Promise<CheckedOutput[]>;
  /** What they are compared with, in words. */
  readonly against: string;
  /** What the row tells of its launches and memory, where that is known. */
  readonly figures: Partial<Pick<Row, 'dispatches' | 'flops' | 'bytes' | 'peakBytes' | 'lowerBoundBytes'>>;
  destroy(): void;
}

/** Who takes part in a race: the name of its row, and how its work is made ready. */
export interface Contestant {
  readonly name: RowName;
  prepare(engine: Engine): Promise<ReadyWork>;
}

/** Contestants of which the first is Zygo. */
export interface Race {
  readonly name: string;
  readonly contestants: readonly Contestant[];
}

/** A contestant whose run takes so many times the run limit does not hold the others up: it is told in words. */
const PATIENCE = 2;
/** A first run, which compiles too, may take so many times as long. */
const COMPILING = 10;

/** Seconds per operation by library, op and pass: a larger race need not wait for who is too slow. */
export type Pace = Map<string, number>;

const paceKey = ({ implementation, op, pass }: RowName): string => [implementation, op, pass].join(' | ');

interface Runner {
  readonly row: Row;
  readonly work: ReadyWork;
  repeats: number;
  /** Seconds of one sample. */
  seconds: number;
}

/** One sample: nothing waits for the device but its end. */
async function sample({ timer }: Bench, work: ReadyWork, repeats: number): Promise<Timing> {
  await work.finish();
  const start = timer.now();
  for (let done = 0; done < repeats; done++) {
    const pending = work.run();
    // Most libraries submit at once; waiting for a promise that is not there would cost each repeat a turn of the loop.
    if (pending) await pending;
  }
  await work.finish();
  return { wall: timer.now() - start, gpu: null };
}

/** Says in the row that a contestant is too slow to be sampled, when it is. */
function isTooSlow({ options }: Bench, row: Row, seconds: number, words: string): boolean {
  const limit = PATIENCE * options.runLimit;
  if (seconds <= limit) return false;
  row.status = 'few';
  row.note = `${words}: more than ${limit} s, so it is not sampled`;
  return true;
}

/** Runs once and checks; null when there is nothing to time, with the reason in the row. */
async function begin(bench: Bench, { prepare }: Contestant, row: Row): Promise<ReadyWork | null> {
  const work = await prepare(bench.timer.engine);
  try {
    Object.assign(row, work.figures);
    const start = bench.timer.now();
    await work.run();
    await work.finish();
    row.firstRun = bench.timer.now() - start;
    row.check = await worst(work);
  } catch (error) {
    work.destroy();
    throw error;
  }
  const { firstRun } = row;
  if (!isWrong(row) && !isTooSlow(bench, row, firstRun / COMPILING, `its first run, with compiling, took ${firstRun.toFixed(1)} s`)) return work;
  work.destroy();
  return null;
}

/** Warms up and finds the repeats of a sample; false when there is nothing to sample. */
async function warmUp(bench: Bench, runner: Runner): Promise<boolean> {
  const { options, timer, quanta } = bench;
  const { repeats, longEnough, last } = await growRepeats(
    (count) => sample(bench, runner.work, count),
    { wall: quanta.wall, gpu: null },
    timer.now,
    Math.max(2, options.rule.seconds),
  );
  Object.assign(runner, { repeats, seconds: last.wall });
  if (!longEnough) {
    runner.row.status = 'short';
    runner.row.note = `${repeats} repeats stay below ${QUANTA_PER_SAMPLE} round trips to the device, so there is no time`;
    return false;
  }
  const each = last.wall / repeats;
  return !isTooSlow(bench, runner.row, each, `one run takes ${each.toFixed(1)} s`);
}

/** Says in the row that a contestant failed after its first run, which was right. */
function drop({ timer }: Bench, { row }: Runner, error: unknown): void {
  row.note = `failed when it was run again: ${reasonOf(error)}`;
  timer.engine.checkDevice();
}

/** Warms up all runners; gives those that are to be sampled. */
async function warmed(bench: Bench, runners: readonly Runner[]): Promise<Runner[]> {
  const racing: Runner[] = [];
  for (const runner of runners) {
    try {
      if (await warmUp(bench, runner)) racing.push(runner);
    } catch (error) {
      drop(bench, runner, error);
    }
  }
  return racing;
}

/** A contestant that failed while all were sampled. */
class Dropout extends Error {
  constructor(
    readonly runner: Runner,
    cause: unknown,
  ) {
    super(reasonOf(cause), { cause });
  }
}

/** Samples all runners in turns and fills their rows; counts the canaries. Without one that throws, the others begin anew. */
async function race(bench: Bench, runners: readonly Runner[]): Promise<CanaryCount> {
  try {
    return await takeTurns(bench, runners);
  } catch (error) {
    if (!(error instanceof Dropout)) throw error;
    drop(bench, error.runner, error.cause);
    return race(bench, runners.filter((runner) => runner !== error.runner));
  }
}

/** @throws {Dropout} when a runner throws */
async function takeTurns(bench: Bench, runners: readonly Runner[]): Promise<CanaryCount> {
  if (runners.length === 0) return NO_CANARIES;
  const { options, canary, wallBand, timer, quanta } = bench;
  const lengths = runners.map(({ seconds }) => seconds);
  const competitors = runners.map((runner) => ({
    repeats: runner.repeats,
    sample: (count: number) => sample(bench, runner.work, count).catch((error: unknown) => Promise.reject(new Dropout(runner, error))),
  }));
  const song = canary.beside(Math.min(...lengths), 'wall');
  const { competitors: results, canaries, stop } = await sampleInTurns(competitors, { wall: quanta.wall, gpu: null }, song, wallBand, ruleForGroup(options.rule, lengths), timer.now);
  results.forEach((own, at) => {
    const { row } = runners[at];
    const { wall, repeats, discarded, short } = own;
    row.hot = { wall: [...wall], gpu: null, repeats, discarded, short, stop, canaries: [...canaries] };
    row.status = wall.length >= FEWEST_SAMPLES ? 'timed' : 'few';
    if (row.status === 'timed') row.summary = { wall: summarize(wall), gpu: null, cold: null };
    else row.note = fewText(own, stop);
  });
  return countCanaries(canaries, wallBand, results);
}

/**
 * Measures one race; a contestant that throws becomes a row that says why.
 * @param pace of contestants in earlier races; grows
 * @throws {DeviceError} when Zygo's device is lost
 */
export async function measureRace(bench: Bench, { name, contestants }: Race, pace: Pace): Promise<GroupResult> {
  const { engine } = bench.timer;
  const measured = async (): Promise<GroupResult> => {
    const rows = contestants.map((contestant) => emptyRow(contestant.name, name, bench.quanta));
    const runners: Runner[] = [];
    const keepPace = (row: Row, seconds: number): void => void (rows[0].flops > 0 && pace.set(paceKey(row), seconds / rows[0].flops));
    try {
      for (const [at, contestant] of contestants.entries()) {
        const row = rows[at];
        const known = pace.get(paceKey(row));
        if (known !== undefined && isTooSlow(bench, row, known * rows[0].flops, `by its pace in a smaller race, a run would take ${(known * rows[0].flops).toFixed(1)} s`)) continue;
        try {
          const ready = await begin(bench, contestant, row);
          // What it takes at least: the rest may have been compiling, which is done once.
          if (row.firstRun !== null && row.status === 'few') keepPace(row, row.firstRun / COMPILING);
          if (ready) runners.push({ row, work: ready, repeats: 1, seconds: 0 });
        } catch (error) {
          row.note = reasonOf(error);
          engine.checkDevice();
        }
      }
      const racing = await warmed(bench, runners);
      for (const { row, seconds, repeats } of runners) if (seconds > 0) keepPace(row, seconds / repeats);
      const canaries = await race(bench, racing);
      const ratios = rows.slice(1).map((_, at) => [at + 1, 0] as const);
      // The work that is necessary is the same for everybody.
      for (const row of rows.slice(1)) Object.assign(row, { flops: rows[0].flops, bytes: rows[0].bytes });
      return { rows, comparisons: compared({ name }, rows, ratios), canaries };
    } finally {
      for (const { row, work } of runners) {
        try {
          work.destroy();
        } catch (error) {
          row.note ||= `its memory was not given back: ${reasonOf(error)}`;
        }
      }
    }
  };
  return engine.scope(measured) as Promise<GroupResult>;
}
