/** Where records live between runs: a file in Node, IndexedDB in a browser. */
import { hashOf } from './hash.js';
import { environmentLine, type TuningEnvironment, type TuningSet } from './record.js';

/** What was found. */
export interface LoadedTuning {
  /** Null when nothing was stored for this environment, or what was stored cannot be used. */
  readonly set: TuningSet | null;
  /** One sentence when something is stored that cannot be used; null otherwise. */
  readonly problem: string | null;
}

/** A place for records. Reading never measures and never fails because of what is stored. */
export interface TuningStore {
  load(environment: TuningEnvironment): Promise<LoadedTuning>;
  /** Replaces what is stored for the set's environment. @returns where, in words. */
  save(set: TuningSet): Promise<string>;
}

/** A short name for an environment, for files and database keys. */
export function environmentName(environment: TuningEnvironment): Promise<string> {
  return hashOf(environmentLine(environment));
}
