/** Folders that commands write: checked before hours of work, made when there is something to put in. */
import { mkdir, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '../engine/errors.js';

/** "EACCES" and the like, or the message of an error that has no code. */
export function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}

/**
 * Checks that a new or empty folder can be made and written there, and leaves nothing behind.
 * @throws {InputError} when it holds something, is a file, or cannot be written
 */
export async function expectWritableFolder(folder: string): Promise<void> {
  const target = resolve(folder);
  const found = await stat(target).catch(() => null);
  if (found && !found.isDirectory()) throw new InputError(`${folder} is a file: expected a new or empty folder.`);
  const inside = found ? await readdir(target) : [];
  if (inside.length > 0) {
    throw new InputError(`${folder} already holds ${inside.length === 1 ? inside[0] : `${inside.length} files or folders`}: expected a new or empty folder.`);
  }
  const made = await mkdir(target, { recursive: true }).catch((error: unknown) => {
    throw new InputError(`${folder} cannot be made (${reasonOf(error)}): expected a place where a folder can be written.`, { cause: error });
  });
  try {
    await expectWritable(target, folder);
  } finally {
    // `made` is the topmost folder that was new: all from there down to the target are empty.
    for (let path = target; made && path.length >= made.length; path = dirname(path)) await rmdir(path);
  }
}

/**
 * Checks that files can be written into a folder that is there.
 * @param name how the folder is called in the message
 * @throws {InputError} when they cannot
 */
export async function expectWritable(folder: string, name = folder): Promise<void> {
  const probe = join(folder, `.zygo-${process.pid}`);
  try {
    await writeFile(probe, '');
  } catch (error) {
    throw new InputError(`Files cannot be written in ${name} (${reasonOf(error)}): expected the right to write and room on the disk.`, { cause: error });
  }
  await rm(probe);
}
