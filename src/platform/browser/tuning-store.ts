/** Tuning records in the page's IndexedDB, one entry per environment. */
import { readTuningSet, type TuningEnvironment, type TuningSet } from '../../tuning/record.js';
import { environmentName, type LoadedTuning, type TuningStore } from '../../tuning/store.js';

const DATABASE = 'zygo';
const ENTRIES = 'tuning';

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB failed'));
  });
}

/** Opens the database for one transaction and closes it after. */
async function within<T>(mode: IDBTransactionMode, body: (entries: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(ENTRIES);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(ENTRIES, mode);
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB gave up'));
    });
    const [result] = await Promise.all([settled(body(transaction.objectStore(ENTRIES))), done]);
    return result;
  } finally {
    database.close();
  }
}

/**
 * Keeps tuning records for all pages of one origin, in the database "zygo". Holds nothing open between two calls; works in a
 * page and in a Worker.
 */
export class IndexedDbTuningStore implements TuningStore {
  /** What is stored for an environment. Never throws for what the database does: `problem` says it. */
  async load(environment: TuningEnvironment): Promise<LoadedTuning> {
    const name = await environmentName(environment);
    try {
      const stored: unknown = await within('readonly', (entries) => entries.get(name) as IDBRequest<unknown>);
      if (stored === undefined) return { set: null, problem: null };
      const set = readTuningSet(stored, environment);
      return { set, problem: set ? null : 'What the browser keeps of tuned kernel choices is not of this adapter and is not used.' };
    } catch (error) {
      // A private window may have no database.
      return { set: null, problem: `The browser does not give tuned kernel choices back (${error instanceof Error ? error.message : String(error)}).` };
    }
  }

  /**
   * Replaces what is stored for the set's environment.
   * @returns where, in words
   * @throws {DOMException} when the browser gives no database or has no room
   */
  async save(set: TuningSet): Promise<string> {
    const name = await environmentName(set.environment);
    await within('readwrite', (entries) => entries.put(set, name));
    return `this browser's database "${DATABASE}"`;
  }

  /**
   * Takes away what is stored for an environment.
   * @throws {DOMException} when the browser gives no database
   */
  async remove(environment: TuningEnvironment): Promise<void> {
    const name = await environmentName(environment);
    await within('readwrite', (entries) => entries.delete(name));
  }
}
