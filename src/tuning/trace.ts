/** Which choices a piece of work makes, seen while it is traced; nothing has to run for that. */
import type { Constants, DType, Engine } from '../engine/index.js';
import { choiceOf } from '../kernels/launch-choice.js';
import { recordKey } from './record.js';

/** A tensor as a launch was given it. */
export interface TracedTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly writable: boolean;
  /** Bindings with equal numbers were given the same tensor. */
  readonly identity: number;
}

/** A launch that a choice shaped: all that is needed to launch the kernel again with other data. */
export interface TracedLaunch {
  readonly shader: string;
  readonly constants: Constants;
  readonly params: Readonly<Record<string, number>> | undefined;
  readonly tensors: Readonly<Record<string, TracedTensor>>;
}

/** A problem that a choice was asked about. */
export interface TracedProblem {
  readonly family: string;
  readonly problem: string;
  readonly candidates: readonly string[];
  readonly byRule: string;
  /** How many times it was asked about. */
  readonly uses: number;
  /** Different launches that the choice shaped; only for families that many kernels share. */
  readonly launches: readonly TracedLaunch[];
}

/**
 * Runs `work` (which captures steps, or launches kernels) and gives back every problem that it has a choice in, in the
 * order in which they first came up.
 */
export async function traceProblems(engine: Engine, work: () => unknown): Promise<TracedProblem[]> {
  const problems = new Map<string, Omit<TracedProblem, 'uses' | 'launches'> & { uses: number; launches: Map<string, TracedLaunch> }>();
  const stop = engine.observe({
    choice(family, candidates, _chosen, { problem, byRule }) {
      if (problem === '' || candidates.length < 2) return;
      const key = recordKey({ family, problem });
      const known = problems.get(key) ?? { family, problem, candidates: [...candidates], byRule, uses: 0, launches: new Map() };
      known.uses += 1;
      problems.set(key, known);
    },
    launch({ call, program }) {
      const choice = choiceOf(call.workgroups);
      const traced = choice && problems.get(recordKey(choice));
      if (!traced) return;
      const given = [...new Set(Object.values(call.tensors))];
      const tensors: Record<string, TracedTensor> = {};
      for (const { name, writable } of program.reflection.storages) {
        const { shape, dtype } = call.tensors[name];
        tensors[name] = { shape: [...shape], dtype, writable, identity: given.indexOf(call.tensors[name]) };
      }
      const launch = { shader: call.shader, constants: { ...call.constants }, params: call.params, tensors };
      traced.launches.set(JSON.stringify([launch.shader, launch.constants, tensors]), launch);
    },
  });
  try {
    await work();
  } finally {
    stop();
  }
  return [...problems.values()].map((problem) => ({ ...problem, launches: [...problem.launches.values()] }));
}
