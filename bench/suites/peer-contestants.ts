/** Zygo and other libraries as contestants over one case, checked by one reference. */
import type { Contestant, Race, ReadyWork } from '../harness/race.js';
import type { Prepared, RowName } from '../harness/subject.js';
import { AS_DOCUMENTED, type OpTask, type Peer, type PeerOp, type PeerRun } from '../peers/peer.js';
import { expectedOf, outputGradient, subjectOf, type OpCase } from './case.js';

/** Passes of an op that are timed here. */
type Pass = 'forward' | 'forward and backward';

/** An op as every contestant computes it. */
export interface PeerCase {
  readonly op: PeerOp;
  readonly given: OpCase;
  readonly settings: OpTask['settings'];
  readonly passes: readonly Pass[];
  /** Elements of y. */
  readonly outputSize: number;
}

/** A captured step as its user would run it: replayed, with nothing of the harness in it. */
export function readyStep({ step, check, against }: Prepared, finish: () => Promise<void>): ReadyWork {
  const { dispatches, flops, plan } = step;
  const bytes = step.commands.reduce((sum, command) => sum + (command.kind === 'dispatch' ? (command.call.bytes ?? 0) : 0), 0);
  return {
    run: () => step.run(),
    finish,
    check,
    against,
    figures: { dispatches, flops, bytes, peakBytes: plan.peakBytes, lowerBoundBytes: plan.lowerBoundBytes },
    destroy: () => step.destroy(),
  };
}

/**
 * The row of a peer, beside Zygo's. Where it has several forms of the op, each is an implementation with a name of its own:
 * the pace of one says nothing about another.
 */
export function peerName(name: RowName, { name: library }: Pick<Peer, 'name'>, form: string = AS_DOCUMENTED): RowName {
  return { ...name, implementation: form === AS_DOCUMENTED ? library : `${library}, ${form}`, variant: AS_DOCUMENTED };
}

/** A peer's run with what its outputs must be. */
export function readyPeer(run: PeerRun, against: string, check: ReadyWork['check']): ReadyWork {
  return { run: () => run.run(), finish: () => run.finish(), check, against, figures: {}, destroy: () => run.destroy() };
}

/** Zygo's part in a race over an op. */
function ownContestant(given: OpCase, pass: Pass): Contestant {
  const subject = subjectOf(given, { section: 'peers', pass });
  return {
    name: subject.name,
    async prepare(engine) {
      const prepared = await subject.capture(engine);
      await prepared.step.prepare();
      return readyStep(prepared, () => engine.finish());
    },
  };
}

function taskOf({ op, given, settings, outputSize }: PeerCase, pass: Pass, form: string): OpTask {
  return { kind: 'op', op, inputs: given.inputs(), settings, form, dy: pass === 'forward' ? null : outputGradient(given, outputSize) };
}

/** A peer's part, in one of its forms of the op. */
export function peerContestant(peer: Peer, own: PeerCase, pass: Pass, form: string): Contestant {
  const { given, outputSize } = own;
  return {
    name: peerName(subjectOf(given, { section: 'peers', pass }).name, peer, form),
    async prepare() {
      const task = taskOf(own, pass, form);
      const run = await peer.prepare(task);
      return readyPeer(run, given.against, async () => {
        const outputs = await run.read();
        const doubles = () => ({
          inputs: Object.fromEntries(Object.entries(task.inputs).map(([name, { data }]) => [name, Float64Array.from(data)])),
          dy: Float64Array.from(task.dy ?? outputGradient(given, outputSize)),
        });
        const wanted = ['y', ...(task.dy ? Object.keys(task.inputs).map((name) => `d/d ${name}`) : [])];
        const expected = expectedOf(given, doubles, wanted);
        return wanted.map((output) => ({ output, actual: outputs[output] ?? [], expected: expected[output] }));
      });
    },
  };
}

/** The races over an op: Zygo, and every form of every library. */
export function racesOf(own: PeerCase, peers: readonly Peer[]): Race[] {
  return own.passes.map((pass) => ({
    name: `Peers: ${own.given.op} ${own.given.shape}, ${pass}`,
    contestants: [ownContestant(own.given, pass), ...peers.flatMap((peer) => peer.formsOf(own.op).map((form) => peerContestant(peer, own, pass, form)))],
  }));
}
