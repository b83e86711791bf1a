/** Files that are there whole or not at all: written under a name of their own, then renamed onto the old one. */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Where a file is written first and where it goes then: behind a link, if it is one. Null for a device or a pipe. */
function placesOf(file: string): { readonly partial: string; readonly target: string } | null {
  const there = statSync(file, { throwIfNoEntry: false });
  if (there && !there.isFile()) return null;
  const target = there ? realpathSync(file) : file;
  return { partial: join(dirname(target), `.${basename(target)}.${process.pid}.partial`), target };
}

/**
 * Writes a file whole: whoever reads meanwhile, or after a process that was killed on its way, sees the old one. A device
 * or a pipe (/dev/stdout) is written as it is.
 * @throws what node:fs throws; nothing is left behind then
 */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const places = placesOf(file);
  if (!places) return writeFile(file, content);
  try {
    await writeFile(places.partial, content);
    await rename(places.partial, places.target);
  } catch (error) {
    await rm(places.partial, { force: true });
    throw error;
  }
}

/** The same at once, for who must not do anything else meanwhile. */
export function writeWholeSync(file: string, content: string | Uint8Array): void {
  const places = placesOf(file);
  if (!places) return writeFileSync(file, content);
  try {
    writeFileSync(places.partial, content);
    renameSync(places.partial, places.target);
  } catch (error) {
    rmSync(places.partial, { force: true });
    throw error;
  }
}
