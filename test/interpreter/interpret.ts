/**
 * Runs a recorded launch in wgsl_reflect's interpreter under `detectRaces`, which takes all invocations of a workgroup
 * forward together, one command at a time, and compares their accesses between two barriers.
 */
import { detectRaces, MemoryTracker, WgslDebug, WorkgroupScheduler } from 'wgsl_reflect/wgsl_reflect.module.js';
import { Phase, type Conflict, type Space } from './conflicts.js';
import { placed } from './place.js';
import type { Launch } from './record.js';

/** How complaints of workgroup memory that holds nothing yet begin. (WebGPU clears it; on software adapters we switch that off.) */
const UNWRITTEN = 'workgroup memory is read before it is written';

/** What an interpreted launch showed. */
export interface Interpretation {
  /** Races, barriers that not all reach, and reads of workgroup memory that nothing was written to; each kind and place once. */
  readonly complaints: readonly string[];
  /** Bytes of each storage binding afterwards. */
  readonly buffers: Readonly<Record<string, ArrayBuffer>>;
}

interface Access {
  readonly buffer: string;
  readonly offset: number;
  readonly size: number;
  readonly write: boolean;
  readonly invocation: number;
  readonly line: number;
}

/** Methods of wgsl_reflect 1.6.0 that are replaced while a launch runs, though not all are public. */
interface Replaced {
  readonly tracker: Pick<MemoryTracker, 'record' | 'endPhase'>;
  readonly debug: { _collectFunctionCalls(): void };
  readonly scheduler: { _syncBarrier(parked: readonly { readonly barrierNode: { readonly name: string } }[]): void };
}

/**
 * Lets `body` run with things in wgsl_reflect replaced:
 * - detectRaces' tracker reports here, and barriers with what they order. Its own compares every pair of accesses, which takes minutes for long loops.
 * - A call inside an expression is evaluated where it stands. detectRaces runs it beforehand and keeps the result at
 *   the call's place in the syntax tree, which all invocations share: each then sees the last one's result.
 */
function withReplaced<T>(onAccess: (access: Access) => void, onBarrier: (ordered: Space) => void, body: () => T): T {
  const { tracker, debug, scheduler }: Replaced = {
    tracker: MemoryTracker.prototype,
    debug: WgslDebug.prototype as unknown as Replaced['debug'],
    scheduler: WorkgroupScheduler.prototype as unknown as Replaced['scheduler'],
  };
  const { record, endPhase } = tracker;
  const { _collectFunctionCalls } = debug;
  const { _syncBarrier } = scheduler;
  if (!record || !endPhase || !_collectFunctionCalls || !_syncBarrier) {
    throw new Error('This wgsl_reflect is not the one that the race tests were written for.');
  }
  Object.assign(tracker, {
    record(this: MemoryTracker, buffer: string, offset: number, size: number, kind: 'read' | 'write') {
      onAccess({ buffer, offset, size, write: kind === 'write', invocation: this.currentInvocation, line: this.currentLine });
    },
    endPhase() {},
  });
  debug._collectFunctionCalls = () => {};
  scheduler._syncBarrier = function (parked) {
    onBarrier(parked[0].barrierNode.name === 'storageBarrier' ? 'storage' : 'workgroup');
    _syncBarrier.call(this, parked);
  };
  try {
    return body();
  } finally {
    Object.assign(tracker, { record, endPhase });
    Object.assign(debug, { _collectFunctionCalls });
    Object.assign(scheduler, { _syncBarrier });
  }
}

export interface InterpretOptions {
  /** Stops after the first workgroup with a complaint; the buffers are then of no use. */
  readonly first?: boolean;
}

/** Runs a launch, with another source if one is given. */
export function interpret(launch: Launch, source = launch.source, { first = false }: InterpretOptions = {}): Interpretation {
  const { reflection, workgroups, uniform, before } = launch;
  const buffers = Object.fromEntries(Object.entries(before).map(([name, bytes]) => [name, bytes.slice(0)]));
  const bindings: Record<string, ArrayBuffer | { uniform: ArrayBuffer }> = {};
  for (const { name, binding } of reflection.storages) bindings[binding] = buffers[name];
  if (reflection.uniform && uniform) bindings[reflection.uniform.binding] = { uniform };

  const complaints = new Set<string>();
  const conflict = (users: string) => ({ buffer, word, lines }: Conflict) =>
    void complaints.add(`${users} race on ${buffer}, lines ${lines.join(' and ')}${complaints.size === 0 ? ` (word ${word})` : ''}`);
  const shared = new Set([...source.matchAll(/^var<workgroup>\s+(\w+)/gm)].map((match) => match[1]));
  const spaceOf = (buffer: string): Space => (shared.has(buffer) ? 'workgroup' : 'storage');
  const launchPhase = new Phase(spaceOf, conflict('workgroups'));
  const [countX, countY, countZ] = workgroups;
  for (let index = 0; index < countX * countY * countZ; index++) {
    const group = [index % countX, Math.floor(index / countX) % countY, Math.floor(index / (countX * countY))] as const;
    const code = placed(source, { size: reflection.workgroupSize, counts: workgroups, group });
    const phase = new Phase(spaceOf, conflict('invocations'));
    const written = new Set<string>();
    const onAccess = ({ buffer, offset, size, write, invocation, line }: Access) => {
      const uniformBlock = !(buffer in buffers) && !shared.has(buffer);
      if (uniformBlock) return;
      phase.note(buffer, offset, size, write, invocation, line);
      if (buffer in buffers) launchPhase.note(buffer, offset, size, write, index, line);
      else if (write) for (let at = offset; at < offset + size; at += 4) written.add(`${buffer} ${at}`);
      else if (!written.has(`${buffer} ${offset}`)) complaints.add(`${UNWRITTEN} in ${buffer}, line ${line}`);
    };
    const { errors } = withReplaced(onAccess, (ordered) => phase.barrier(ordered), () => detectRaces(code, 'main', [1, 1, 1], { 0: bindings }));
    for (const error of errors) complaints.add(error);
    if (first && complaints.size > 0) break;
  }
  return { complaints: [...complaints], buffers };
}
