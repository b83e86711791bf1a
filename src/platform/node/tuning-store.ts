/** Tuning records in files of Zygo's cache folder, one per environment. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTuningSet, type TuningEnvironment, type TuningSet } from '../../tuning/record.js';
import { environmentName, type LoadedTuning, type TuningStore } from '../../tuning/store.js';
import { cacheFolder } from './cache-folder.js';
import { writeWhole } from './whole-file.js';

/**
 * Keeps tuning records as JSON, one file per environment. Processes may share the folder: files appear whole, and the last
 * to save wins.
 */
export class FileTuningStore implements TuningStore {
  /** @param folder made when something is saved */
  constructor(private readonly folder = join(cacheFolder(), 'tuning')) {}

  /** Where an environment's records are kept. */
  async fileOf(environment: TuningEnvironment): Promise<string> {
    return join(this.folder, `${await environmentName(environment)}.json`);
  }

  /** What is stored for an environment. Never throws for what is in the folder: `problem` says it. */
  async load(environment: TuningEnvironment): Promise<LoadedTuning> {
    const file = await this.fileOf(environment);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { set: null, problem: null };
      return { set: null, problem: `The tuned kernel choices in ${file} cannot be read (${(error as NodeJS.ErrnoException).code}) and are not used.` };
    }
    const unusable = { set: null, problem: `${file} does not hold tuned kernel choices of this adapter and is not used; zygo tune writes it anew.` };
    try {
      const set = readTuningSet(JSON.parse(text), environment);
      return set ? { set, problem: null } : unusable;
    } catch {
      return unusable;
    }
  }

  /**
   * Replaces what is stored for the set's environment. The file appears whole: whoever reads meanwhile sees the old one.
   * @returns its path
   * @throws {Error} of the file system, when folder or file cannot be written
   */
  async save(set: TuningSet): Promise<string> {
    const file = await this.fileOf(set.environment);
    await mkdir(this.folder, { recursive: true });
    await writeWhole(file, `${JSON.stringify(set, null, 1)}\n`);
    return file;
  }
}
