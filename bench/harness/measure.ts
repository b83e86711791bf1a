/** Measures groups of subjects: check first, then compile, first run, hot and cold times, all of them in turns. */
import { ZygoError, type TunedLookup } from '../../src/engine/index.js';
import { relativeError } from '../../src/verify/compare.js';
import { leavesChoices, watchingChoices, withTuned, type SeenChoices } from './choices.js';
import { ruleForGroup, type MeasureOptions } from './options.js';
import type { Canary } from './peaks.js';
import { secondsOf } from './peaks.js';
import { Replay } from '../../src/timing/replay.js';
import { FEWEST_SAMPLES, countCanaries, fewText, growRepeats, isLongEnough, NO_CANARIES, QUANTA_PER_SAMPLE, sampleInTurns, SURPLUS, type CanaryBand, type CanaryCount, type Growth } from './sampler.js';
import type { Comparison, Row } from './schema.js';
import { median, ratioOfMedians, summarize } from '../../src/timing/statistics.js';
import type { DeviceTimer, Quanta } from '../../src/timing/device-timer.js';
import { rowId, type Group, type Prepared, type RowName, type Subject } from './subject.js';

/** Everything that measuring needs besides the groups. */
export interface Bench {
  readonly timer: DeviceTimer;
  readonly quanta: Quanta;
  readonly canary: Canary;
  /** The canary's, by the clock that decides: the device's where it has timestamps. */
  readonly band: CanaryBand;
  /** The canary's by the wall clock, for what no timestamp can time. */
  readonly wallBand: CanaryBand;
  readonly options: MeasureOptions;
  /** Stored choices: where they differ from the rules, a second row is sampled in turns with the first. Null for none. */
  readonly tuned: TunedLookup | null;
}

/** A row that is being made. */
interface Entry {
  readonly subject: Subject;
  readonly seen: SeenChoices | null;
  row: Row;
  prepared: Prepared | null;
  replay: Replay | null;
  growth: Growth | null;
}

/**
 * A row that says nothing yet but its name.
 * @param quanta of the timers that it is measured with; null when it is not measured
 */
export function emptyRow(rowName: RowName, group: string, quanta: Quanta | null = null): Row {
  const { series = null, ...name } = rowName;
  return {
    ...name,
    id: rowId(rowName),
    group,
    series,
    choices: [],
    status: 'failed',
    note: '',
    check: null,
    dispatches: 0,
    flops: 0,
    bytes: 0,
    peakBytes: 0,
    lowerBoundBytes: 0,
    compile: null,
    firstRun: null,
    resolution: quanta && QUANTA_PER_SAMPLE * quanta.wall,
    hot: null,
    cold: null,
    summary: null,
  };
}

/** The output that is worst by error over tolerance. */
export async function worst(prepared: Pick<Prepared, 'check' | 'against'>): Promise<NonNullable<Row['check']>> {
  const checked = (await prepared.check()).map(({ output, actual, expected }) => ({ output, error: relativeError(actual, expected), tolerance: expected.tolerance }));
  const [{ output, error, tolerance }] = checked.sort((a, b) => b.error / b.tolerance - a.error / a.tolerance);
  return { output, error: Number.isFinite(error) ? error : null, tolerance, against: prepared.against };
}

/** Looks at a row's check: a wrong one says so, and loses the times that it has already. */
export function isWrong(row: Row): boolean {
  if (!row.check || (row.check.error !== null && row.check.error <= row.check.tolerance)) return false;
  row.status = 'wrong';
  row.note = `${row.check.output} is wrong, so there is no time`;
  row.compile = null;
  row.firstRun = null;
  return true;
}

/** Captures a subject's step, which is given back when something after that fails. */
async function begin(bench: Bench, subject: Subject, group: string, compiled: WeakSet<object>): Promise<Entry> {
  const { engine } = bench.timer;
  const { value: prepared, seen } = await watchingChoices(engine, () => subject.capture(engine));
  try {
    return await beginWith(bench, prepared, seen, subject, group, compiled);
  } catch (error) {
    prepared.step.destroy();
    throw error;
  }
}

/** Compiles, runs once and checks: fills the row as far as there is something to fill. */
async function beginWith({ timer, quanta }: Bench, prepared: Prepared, seen: SeenChoices, subject: Subject, group: string, compiled: WeakSet<object>): Promise<Entry> {
  const { engine } = timer;
  const row = emptyRow(subject.name, group, quanta);
  const { step } = prepared;
  row.choices = seen.choices;
  const launches = step.commands.flatMap((command) => (command.kind === 'dispatch' ? [command] : []));
  row.dispatches = step.dispatches;
  row.flops = step.flops;
  row.bytes = launches.reduce((sum, { call }) => sum + (call.bytes ?? 0), 0);
  row.peakBytes = step.plan.peakBytes;
  row.lowerBoundBytes = step.plan.lowerBoundBytes;
  const programs = [...new Set(launches.map(({ program }) => program))];
  const fresh = programs.filter((program) => !compiled.has(program));
  const start = timer.now();
  await Promise.all(fresh.map((program) => program.compile()));
  if (fresh.length > 0) row.compile = { seconds: timer.now() - start, pipelines: fresh.length, of: programs.length };
  for (const program of programs) compiled.add(program);
  await step.prepare();
  await engine.finish();
  const run = timer.now();
  step.run();
  await engine.finish();
  row.firstRun = timer.now() - run;
  row.check = await worst(prepared);
  if (isWrong(row)) return { subject, seen, row, prepared, replay: null, growth: null };
  return { subject, seen, row, prepared, replay: new Replay(engine, step), growth: null };
}

/** A difference of two times is a figure where it is this share of a flush, which is taken off, or more. */
const SHARE_OF_FLUSH = 0.1;
/** Flushes in one sample at most. */
const MOST_FLUSHES = 64;

/**
 * GPU times with the caches flushed before each; null without timestamps, and where they cannot be told. Each run is timed
 * by itself where that is long enough; otherwise several with a flush before each, less as many flushes.
 * @param hot GPU seconds of one run
 */
async function sampleCold({ timer, quanta, options }: Bench, replay: Replay, hot: number): Promise<Row['cold']> {
  const { flushBytes, coldSamples } = options;
  if (flushBytes === 0 || quanta.gpu === null) return null;
  const collect = async (repeats: number, sample: () => Promise<number | null>): Promise<Row['cold']> => {
    const gpu: number[] = [];
    // The first one warms up.
    for (let at = 0; at <= coldSamples; at++) {
      const each = await sample();
      if (each === null || !isLongEnough({ wall: Infinity, gpu: repeats * each }, quanta)) return null;
      if (at > 0) gpu.push(each);
    }
    return { flushBytes, repeats, gpu };
  };
  const alone = await collect(1, () => timer.coldSample(replay));
  if (alone) return alone;
  const repeats = Math.ceil((SURPLUS * QUANTA_PER_SAMPLE * quanta.gpu) / hot);
  if (repeats < 2 || repeats > MOST_FLUSHES) return null;
  return collect(repeats, async () => {
    const difference = await timer.coldDifference(replay, repeats);
    return difference && difference.each >= SHARE_OF_FLUSH * difference.flush ? difference.each : null;
  });
}

/** A message without its stack, in one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0];
}

async function sampleHot(bench: Bench, entries: readonly Entry[]): Promise<CanaryCount> {
  const { timer, quanta, canary, band, options } = bench;
  for (const entry of entries) {
    const replay = entry.replay as Replay;
    const known = entry.row.firstRun ?? 0;
    entry.growth = await growRepeats((repeats) => timer.sample(replay, repeats, known), quanta, timer.now, Math.max(2, options.rule.seconds));
    if (!entry.growth.longEnough) {
      entry.row.status = 'short';
      entry.row.note = `${entry.growth.repeats} repeats stay below ${QUANTA_PER_SAMPLE} steps of the timer, so there is no time`;
    }
  }
  const racing = entries.filter(({ growth }) => growth?.longEnough);
  if (racing.length === 0) return NO_CANARIES;
  const competitors = racing.map(({ replay, growth }) => {
    const { repeats, last } = growth as Growth;
    return { repeats, sample: (count: number) => timer.sample(replay as Replay, count, secondsOf(last) / repeats) };
  });
  const lengths = racing.map(({ growth }) => (growth as Growth).last.wall);
  const song = canary.beside(Math.min(...lengths), 'device');
  const { competitors: collected, canaries, stop } = await sampleInTurns(competitors, quanta, song, band, ruleForGroup(options.rule, lengths), timer.now);
  collected.forEach((own, at) => {
    const { row } = racing[at];
    const { wall, gpu, repeats, discarded, short } = own;
    row.hot = { wall: [...wall], gpu: gpu && [...gpu], repeats, discarded, short, stop, canaries: [...canaries] };
    row.status = wall.length >= FEWEST_SAMPLES ? 'timed' : 'few';
    if (row.status === 'few') row.note = fewText(own, stop);
  });
  return countCanaries(canaries, band, collected);
}

/** What a group gave. */
export interface GroupResult {
  readonly rows: Row[];
  readonly comparisons: Comparison[];
  readonly canaries: CanaryCount;
}

/** Ratios of a group's rows that were timed. */
export function compared(group: { readonly name: string }, rows: readonly Row[], ratios: readonly (readonly [above: number, below: number])[]): Comparison[] {
  return ratios.flatMap(([above, below]) => {
    const [a, b] = [rows[above], rows[below]];
    if (a.status !== 'timed' || b.status !== 'timed' || !a.hot || !b.hot) return [];
    const clock = a.hot.gpu && b.hot.gpu ? 'gpu' : 'wall';
    const of = ({ hot }: Row): number[] => (clock === 'gpu' ? hot?.gpu : hot?.wall) ?? [];
    return [{ group: group.name, above: a.id, below: b.id, clock, ...ratioOfMedians(of(a), of(b)) } as const];
  });
}

/**
 * Measures one group; everything it allocates is given back. A subject that throws becomes a row that says why.
 * @param compiled programs that an earlier row has compiled; grows
 * @throws {DeviceError} when the device is lost
 */
export async function measureGroup(bench: Bench, group: Group, compiled: WeakSet<object>): Promise<GroupResult> {
  const { engine } = bench.timer;
  return engine.scope(async () => {
    const entries: Entry[] = [];
    const ratios = [...(group.ratios ?? [])];
    let canaries = NO_CANARIES;
    const start = async (subject: Subject): Promise<void> => {
      try {
        entries.push(await begin(bench, subject, group.name, compiled));
      } catch (error) {
        if (!(error instanceof ZygoError)) throw error;
        const row = emptyRow(subject.name, group.name);
        row.note = reasonOf(error);
        entries.push({ subject, seen: null, row, prepared: null, replay: null, growth: null });
        // A lost device or an earlier failure ends the run here; a kernel that was refused does not.
        engine.checkDevice();
      }
    };
    try {
      for (const subject of group.subjects) await start(subject);
      const { tuned } = bench;
      for (const [at, { subject, seen }] of tuned ? [...entries.entries()] : []) {
        if (!tuned || !leavesChoices(subject) || !seen?.differs(tuned)) continue;
        ratios.push([at, entries.length]);
        await start(withTuned(subject, tuned));
      }
      const right = entries.filter(({ replay }) => replay !== null);
      canaries = right.length > 0 ? await sampleHot(bench, right) : NO_CANARIES;
      for (const { row, replay, prepared, subject } of right) {
        if (row.status !== 'timed' || !row.hot || !replay || !prepared) continue;
        row.cold = row.hot.gpu && (await sampleCold(bench, replay, median(row.hot.gpu)));
        await subject.inspect?.(bench.timer, bench.quanta, prepared.step, replay, row.id);
        row.summary = {
          wall: summarize(row.hot.wall),
          gpu: row.hot.gpu && summarize(row.hot.gpu),
          cold: row.cold && summarize(row.cold.gpu),
        };
      }
    } finally {
      for (const { replay, prepared } of entries) {
        replay?.destroy();
        prepared?.step.destroy();
      }
    }
    const rows = entries.map(({ row }) => row);
    return { rows, comparisons: compared(group, rows, ratios), canaries };
  }) as Promise<GroupResult>;
}
