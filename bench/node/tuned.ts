/** What `zygo tune` stored for this machine's adapter, for `--tuned`. */
import { basename } from 'node:path';
import { InputError, type Engine } from '../../src/engine/index.js';
import { environmentHere, storedRecords } from '../../src/cli/tune/stored.js';
import { FileTuningStore } from '../../src/platform/node/tuning-store.js';
import { choicesOf, countChoices, lookupOf } from '../../src/tuning/index.js';
import type { StoredChoices } from '../harness/run.js';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * The stored choices of an engine's adapter; says where they are, or why they cannot be used.
 * @throws {InputError} when nothing usable is stored
 */
export async function storedChoices(engine: Engine): Promise<StoredChoices> {
  const file = await new FileTuningStore().fileOf(environmentHere(engine));
  const choices = choicesOf(await storedRecords(engine, say));
  if (!choices) throw new InputError(`--tuned: nothing is stored for this adapter in ${file}: expected what "zygo tune" writes there.`);
  say(`Stored choices: ${file}`);
  // Results are shared; where a user keeps the cache folder is nobody's business.
  return { lookup: lookupOf(choices), origin: { place: `tuning/${basename(file)}`, date: choices.date, choices: countChoices(choices) } };
}
