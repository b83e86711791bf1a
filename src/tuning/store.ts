/** Where records live between runs: a file in Node, IndexedDB in a browser. */
import { hashOf } from './hash.js';
import { environmentLine, type TuningEnvironment, type TuningRecord, type TuningSet } from './record.js';
import { mergedRecords } from './summary.js';

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

/**
 * Stores records one after the other, as they are measured: whatever ends the tuning loses no more than one.
 * @param before records that are kept beside them, as far as their problems are not measured anew
 * @returns what stores one more record, and says where
 */
export function storingEach(store: TuningStore, environment: TuningEnvironment, before: readonly TuningRecord[]): (record: TuningRecord) => Promise<string> {
  const measured: TuningRecord[] = [];
  return (record) => {
    measured.push(record);
    return store.save({ format: 1, environment, records: mergedRecords(before, measured) });
  };
}

/** A short name for an environment, for files and database keys. */
export function environmentName(environment: TuningEnvironment): Promise<string> {
  return hashOf(environmentLine(environment));
}
