/** The case files that paths stand for. */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError } from '../../engine/errors.js';
import { reasonOf } from '../folders.js';

const ENDING = '.safetensors';

async function filesIn(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = (await readdir(folder, { recursive: true })).map(String);
  } catch (error) {
    throw new InputError(`The folder ${folder} cannot be read (${reasonOf(error)}): expected one with ${ENDING} files.`, { cause: error });
  }
  const cases = names.filter((name) => name.endsWith(ENDING)).sort();
  if (cases.length === 0) throw new InputError(`The folder ${folder} holds no conformance case: expected files that end in ${ENDING}, there or in folders below.`);
  return cases.map((name) => join(folder, name));
}

/**
 * Files as given, and every .safetensors file in or below a folder, each once, folders in alphabetical order.
 * @throws {InputError} when a path is not there, or a folder holds no case
 */
export async function findCases(paths: readonly string[]): Promise<string[]> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const known = await stat(path).catch((error: unknown) => {
      throw new InputError(`There is no file or folder ${path} (${reasonOf(error)}): expected conformance cases (${ENDING}).`, { cause: error });
    });
    for (const file of known.isDirectory() ? await filesIn(path) : [path]) {
      if (!found.has(resolve(file))) found.set(resolve(file), file);
    }
  }
  return [...found.values()];
}
