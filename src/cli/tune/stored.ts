/** Tuned kernel choices of this machine, as the commands use them. */
import { createRequire } from 'node:module';
import type { Engine } from '../../engine/index.js';
import type { Precision } from '../../model/precision.js';
import { FileTuningStore } from '../../platform/node/tuning-store.js';
import { shaderSources } from '../../shaders.generated.js';
import { choicesOf, countChoices, currentRecords, lookupOf, type TunedChoices } from '../../tuning/choices.js';
import { tuningEnvironment, type TuningEnvironment, type TuningRecord } from '../../tuning/record.js';
import { zygoVersion } from '../version.js';

/** Where this process's times hold. */
export function environmentHere(engine: Engine): TuningEnvironment {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  return tuningEnvironment(engine, { runtime: `Dawn (npm webgpu) ${version}`, zygo: zygoVersion() });
}

/**
 * The stored records of this adapter whose kernels are still the same.
 * @param say told in one sentence when something is stored that cannot be used
 */
export async function storedRecords(engine: Engine, say: (line: string) => void): Promise<TuningRecord[]> {
  const { set, problem } = await new FileTuningStore().load(environmentHere(engine));
  if (problem !== null) say(problem);
  return set ? currentRecords(set, shaderSources) : [];
}

/** Where a command's choices come from. */
export interface ChoiceSources {
  /** False leaves everything to the rules. */
  readonly wanted: boolean;
  /** Choices of an earlier run that is gone on with, null where the rules chose; undefined reads what is stored. */
  readonly earlier?: TunedChoices | null;
  readonly say: (line: string) => void;
  /** Of the work to come: 'f32' when left out. */
  readonly precision?: Precision;
}

/** What choices lack for work of a precision, in a sentence; null when they may be all there is. */
export function unmeasuredLine({ variants }: TunedChoices, precision: Precision): string | null {
  return precision === 'mixed' && !('matmul-f16' in variants) ? 'None of them is of products of f16: zygo tune --precision mixed measures those.' : null;
}

/**
 * Puts tuned choices in force, and says so in one line.
 * @returns what is in force, null for the rules alone
 */
export async function useChoices(engine: Engine, { wanted, earlier, say, precision = 'f32' }: ChoiceSources): Promise<TunedChoices | null> {
  const choices = !wanted ? null : earlier !== undefined ? earlier : choicesOf(await storedRecords(engine, say));
  engine.useTuned(choices && lookupOf(choices));
  if (choices) {
    const count = countChoices(choices);
    const words = `${count} kernel ${count === 1 ? 'choice' : 'choices'}`;
    const day = choices.date.slice(0, 10);
    say(earlier ? `${words} of the earlier run, tuned on ${day}.` : `${words} tuned for this adapter on ${day}.`);
    const missing = earlier ? null : unmeasuredLine(choices, precision);
    if (missing !== null) say(missing);
  }
  return choices;
}
