/** The file of a command's --json option: checked before the work, written after it. */
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from '../engine/errors.js';
import { writeWhole } from '../platform/node/whole-file.js';
import { CommandFailure, EXIT } from './failure.js';
import { expectWritable, reasonOf } from './folders.js';

/**
 * Checks that a report can be written later.
 * @throws {InputError} when the file is a folder, or its folder is not there or cannot be written
 */
export async function expectWritableFile(file: string): Promise<void> {
  const folder = dirname(resolve(file));
  const [there, above] = await Promise.all([stat(file).catch(() => null), stat(folder).catch(() => null)]);
  if (there?.isDirectory()) throw new InputError(`--json ${file} is a folder: expected a file to write.`);
  if (!above?.isDirectory()) throw new InputError(`--json ${file} cannot be written: there is no folder ${dirname(file)}.`);
  await expectWritable(folder, dirname(file));
}

/**
 * Writes a report whole: a process that is killed on its way leaves the old one.
 * @throws {CommandFailure} when the report cannot be written after all
 */
export async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeWhole(file, text);
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `The report ${file} cannot be written (${reasonOf(error)}).`, { cause: error });
  }
}
