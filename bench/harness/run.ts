/** A whole run: timers, peaks and canary first, then group by group. Touches neither Node nor the DOM. */
import { DeviceError, InputError, type Engine, type TunedLookup } from '../../src/engine/index.js';
import { ASSUMED_SHARE, type SuiteContext } from '../suites/context.js';
import type { PeerName } from '../peers/names.js';
import type { Peer, PeerSet } from '../peers/peer.js';
import { groupsOf } from '../suites/index.js';
import { hasPeers } from '../suites/names.js';
import { DeviceTimer, type Timing } from '../../src/timing/device-timer.js';
import { measureGroup, type Bench, type GroupResult } from './measure.js';
import { measureOptionsOf, withTimeFor, type MeasureOptions, type RunRequest } from './options.js';
import { Canary, measureArithmetic, measurePeaks, secondsOf } from './peaks.js';
import { DEVICE_FAILED, type RunEvent } from './result.js';
import { addCounts, canaryBand, QUANTA_PER_SAMPLE } from './sampler.js';
import type { BenchResult } from './schema.js';
import { measureRace, type Pace, type Race } from './race.js';
import type { Group } from './subject.js';

/** What was tuned for an adapter, and where it was read. */
export interface StoredChoices {
  readonly lookup: TunedLookup;
  readonly origin: NonNullable<BenchResult['tuned']>;
}

/** Where a run takes place: Node's Dawn, or a Worker in Chrome. */
export interface RunPlace {
  /** A new engine with the shaders of bench/shaders; called again when a device was lost. */
  open(): Promise<Engine>;
  /** Seconds. */
  now(): number;
  environment(engine: Engine): BenchResult['environment'];
  /**
   * The stored choices of an engine's adapter, where there is a store.
   * @throws {InputError} when nothing usable is stored
   */
  stored?(engine: Engine): Promise<StoredChoices>;
  /** Other libraries on the same adapter; called at most once. */
  loadPeers(names: readonly PeerName[]): Promise<PeerSet>;
}

/** Canary samples that calibrate its band. */
const CALIBRATION = 25;
/** Memory that a row's tensors may take where the device does not tell how much there is. */
const BYTES_LIMIT = { software: 768 * 2 ** 20, gpu: 16 * 2 ** 30 } as const;
/** Operations per second that are assumed when the peak could not be measured. */
const UNKNOWN_PEAK = 1e9;
/** So fast that nothing is left out: a filter is checked with it before anything is measured. */
const ANY_PEAK = 1e18;

interface Opened {
  readonly engine: Engine;
  readonly timer: DeviceTimer;
}

async function openTimer(place: RunPlace): Promise<Opened> {
  const engine = await place.open();
  return { engine, timer: await DeviceTimer.create(engine, () => place.now()) };
}

/** The options with buffers that the device allows. */
function withinLimits(measure: MeasureOptions, { device }: Engine): MeasureOptions {
  const limit = Math.floor(Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize) / 256) * 256;
  return { ...measure, flushBytes: Math.min(measure.flushBytes, limit), copyBytes: Math.min(measure.copyBytes, limit) };
}

/** True when a name holds the text, or begins with what stands behind its "^". */
function fits(name: string, text: string): boolean {
  return text.startsWith('^') ? name.startsWith(text.slice(1)) : name.includes(text);
}

/** @throws {InputError} when the filter leaves nothing */
function filtered(groups: readonly (Group | Race)[], filter: string | null): readonly (Group | Race)[] {
  if (filter === null) return groups;
  const texts = filter.toLowerCase().split('|');
  const wanted = groups.filter(({ name }) => texts.some((text) => fits(name.toLowerCase(), text)));
  if (wanted.length > 0) return wanted;
  const some = groups.slice(0, 5).map(({ name }) => `"${name}"`).join(', ');
  throw new InputError(`--filter "${filter}" is in no group of this suite: expected a part of a name such as ${some} (--list shows all).`);
}

/** The groups of a suite on a device; what is left out, and figures of training steps, are told. */
function planOf({ suite, filter, runLimit }: RunRequest, engine: Engine, flopsPerSecond: number, peers: readonly Peer[], tell: (event: RunEvent) => void): readonly (Group | Race)[] {
  const context: SuiteContext = {
    engine,
    runLimit,
    flopsLimit: runLimit * ASSUMED_SHARE * flopsPerSecond,
    bytesLimit: engine.info.software ? BYTES_LIMIT.software : BYTES_LIMIT.gpu,
    peers,
    skip: (what, why) => tell({ kind: 'skipped', what, why }),
  };
  return filtered(groupsOf(suite, context, (figures) => tell({ kind: 'training', figures })), filter);
}

/**
 * The names of a suite's groups with the sizes that the device runs in time, then what is left out. The multiply-add
 * peak, which sizes follow from, is measured for that.
 * @throws {InputError} when the filter leaves nothing
 */
export async function listGroups(place: RunPlace, request: RunRequest): Promise<string[]> {
  const { engine, timer } = await openTimer(place);
  try {
    planOf(request, engine, ANY_PEAK, [], () => {});
    const peak = await measureArithmetic(timer, await timer.probe());
    const skipped = new Map<string, string>();
    const groups = planOf(request, engine, peak?.value ?? UNKNOWN_PEAK, [], (event) => event.kind === 'skipped' && skipped.set(event.what, event.why));
    return [...groups.map(({ name }) => name), ...Array.from(skipped, ([what, why]) => `left out: ${what}: ${why}`)];
  } finally {
    timer.destroy();
    engine.destroy();
  }
}

/** The canary's bands by both clocks, and the samples behind the one that decides. */
interface Calibrated extends Pick<Bench, 'band' | 'wallBand'> {
  readonly calibration: readonly number[];
}

async function calibrate(canary: Canary): Promise<Calibrated> {
  const samples: Timing[] = [];
  while (samples.length < CALIBRATION) samples.push(await canary.sample());
  const calibration = samples.map(secondsOf);
  return { calibration, band: canaryBand(calibration), wallBand: canaryBand(samples.map(({ wall }) => wall)) };
}

/** True when the canary cost a row its figure. */
function lostToCanary({ rows }: GroupResult): boolean {
  return rows.some(({ status, hot }) => status === 'few' && hot !== null && hot.discarded > 0);
}

/** Milliseconds in which a browser tells that a device was lost, after what it was busy with has failed. */
const LOSS_DELAY = 2000;

/** The device's failure behind an error, or null: what waits for a device that is lost may fail in other words first. */
async function deviceFailure({ device }: Engine, error: unknown): Promise<DeviceError | null> {
  if (error instanceof DeviceError) return error;
  const told = (message: string): DeviceError => new DeviceError(message, { cause: error });
  return Promise.race([
    device.lost.then(({ reason, message }) => told(`The GPU device was lost (${reason}): ${message}`)),
    new Promise<null>((resolve) => setTimeout(resolve, LOSS_DELAY, null)),
  ]);
}

/** The libraries of a suite that has any; tells which there are, and why others are missing. */
async function peersOf(place: RunPlace, { suite, peers: names }: RunRequest, tell: (event: RunEvent) => void): Promise<readonly Peer[]> {
  if (!hasPeers(suite)) return [];
  const { peers, missing } = await place.loadPeers(names);
  tell({
    kind: 'peers',
    peers: [...peers.map(({ name, version, usage }) => ({ name, version, note: usage })), ...missing.map(({ name, reason }) => ({ name, version: null, note: reason }))],
  });
  return peers;
}

/**
 * Runs a suite. Everything that it finds is told on the way: ResultCollector makes the result of it. What `tell` throws
 * ends the run.
 * @param signal ends the run after the group that it is at
 * @throws {InputError} when the filter leaves nothing
 * @throws {DeviceError} when no device can be opened any more
 */
export async function runSuite(place: RunPlace, request: RunRequest, tell: (event: RunEvent) => void, signal?: AbortSignal): Promise<void> {
  let opened = await openTimer(place);
  const wanted = withinLimits(measureOptionsOf(request, opened.engine.info.software), opened.engine);
  // Before anything is measured: a filter that fits nothing should not cost a minute.
  planOf(request, opened.engine, ANY_PEAK, [], () => {});
  const stored = request.tuned ? ((await place.stored?.(opened.engine)) ?? null) : null;
  const environment = place.environment(opened.engine);
  const probed = await opened.timer.probe();
  const shortest = QUANTA_PER_SAMPLE * probed.wall;
  const measure = request.seconds === null ? { ...wanted, rule: withTimeFor(wanted.rule, shortest) } : wanted;
  const peaks = await measurePeaks(opened.timer, probed, measure.copyBytes);
  await opened.timer.prepareFlush(measure.flushBytes);
  let canary = await Canary.create(opened.timer, probed);
  let calibrated = await calibrate(canary);
  const earlier = new Set(request.without);
  const peers = await peersOf(place, request, tell);
  const plan = (): readonly (Group | Race)[] =>
    planOf(request, opened.engine, peaks.fma?.value ?? UNKNOWN_PEAK, peers, tell).filter(({ name }) => !earlier.has(name));
  const groups = plan();
  let current = groups;
  const pace: Pace = new Map();
  let compiled = new WeakSet<object>();
  try {
    tell({
      kind: 'begin',
      head: {
        suite: request.suite,
        filter: request.filter,
        tuned: stored?.origin ?? null,
        environment,
        timer: { clock: probed.clock, roundTrip: probed.roundTrip, wallQuantum: probed.wall, gpuQuantum: probed.gpu, quantaPerSample: QUANTA_PER_SAMPLE },
        rules: { ...measure.rule, runLimit: measure.runLimit },
        peaks,
        canary: { ...calibrated.band, calibration: calibrated.calibration, wall: calibrated.wallBand, repeats: canary.repeats },
      },
      groups: groups.map(({ name }) => name),
    });
    for (const [at, { name }] of groups.entries()) {
      if (signal?.aborted) return;
      try {
        const group = current[at];
        const take = (): Promise<GroupResult> => {
          const bench: Bench = { timer: opened.timer, quanta: probed, canary, ...calibrated, options: measure, tuned: stored?.lookup ?? null };
          return 'contestants' in group ? measureRace(bench, group, pace) : measureGroup(bench, group, compiled);
        };
        let taken = await take();
        if (lostToCanary(taken) && !signal?.aborted) {
          // A device whose speed has changed for good would have no figure any more: its band is found anew, and told.
          calibrated = await calibrate(canary);
          tell({ kind: 'band', group: name, ...('contestants' in group ? { ...calibrated.wallBand, wall: true } : calibrated.band) });
          const before = taken;
          taken = await take();
          taken.rows.forEach((row, place) => {
            if (row.status !== 'wrong') row.compile ??= before.rows[place]?.compile ?? null;
          });
          taken = { ...taken, canaries: addCounts(before.canaries, taken.canaries) };
        }
        tell({ kind: 'group', name, ...taken });
      } catch (error) {
        const failure = await deviceFailure(opened.engine, error);
        if (!failure) throw error;
        const [reason] = failure.message.split('\n');
        tell({ kind: 'skipped', what: name, why: `${DEVICE_FAILED}${reason}` });
        tell({ kind: 'say', line: `${name}: ${reason} A new device is opened for the rest.` });
        opened.engine.destroy();
        opened = await openTimer(place);
        await opened.timer.prepareFlush(measure.flushBytes);
        canary = await Canary.create(opened.timer, probed);
        // Its samples have repeats of their own, and the device may have come back at another speed.
        calibrated = await calibrate(canary);
        const next = groups.at(at + 1);
        if (next) tell({ kind: 'band', group: next.name, ...calibrated.band, newDevice: true });
        compiled = new WeakSet();
        // The groups of the old plan would speak to the old engine.
        current = plan();
      }
    }
  } finally {
    for (const peer of peers) peer.destroy();
    canary.destroy();
    opened.timer.destroy();
    opened.engine.destroy();
  }
}
