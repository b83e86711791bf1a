/** Face folders on disk: what `src/data/folder` reads and writes, with the file system of Node. */
import { mkdir, readFile, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../../engine/errors.js';
import type { FaceDataset } from '../../data/dataset.js';
import {
  readFaceFolder as readFolder,
  type FaceFolderOptions,
  type FolderSource,
} from '../../data/folder/read-folder.js';
import { faceFolderFiles, type Intensities } from '../../data/folder/write-folder.js';

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/**
 * A folder on disk as a source of files.
 * @throws {InputError} from `read`, when a file is there and cannot be read
 */
export function diskFolder(folder: string): FolderSource {
  return {
    name: folder,
    async read(path) {
      try {
        return await readFile(join(folder, path));
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
        throw new InputError(`${join(folder, path)} cannot be read (${codeOf(error)}): expected a readable file.`, {
          cause: error,
        });
      }
    },
  };
}

/**
 * Reads a face folder from disk.
 * @throws {InputError} when the folder is not there, and for everything that its files have wrong
 */
export async function readFaceFolder(folder: string, options: FaceFolderOptions): Promise<FaceDataset> {
  const found = await stat(folder).catch(() => null);
  if (!found?.isDirectory()) {
    throw new InputError(`There is no folder ${folder}: expected one with labels.csv, landmarks.csv and images.`);
  }
  return readFolder(diskFolder(folder), options);
}

/** What {@link writeFaceFolder} writes besides the dataset, and who hears of it. */
export interface WriteFaceFolderOptions {
  /** Also written, as intensities.csv. */
  readonly intensities?: Intensities;
  /** Told after each file. */
  readonly onProgress?: (filesWritten: number) => void;
}

/**
 * Writes a dataset as a face folder. Everything goes into a folder beside it that is renamed at the end: the
 * folder is there whole or not at all.
 * @throws {InputError} when the folder is already there with something in it, or cannot be written
 */
export async function writeFaceFolder(
  folder: string,
  dataset: FaceDataset,
  { intensities, onProgress }: WriteFaceFolderOptions = {},
): Promise<void> {
  const target = resolve(folder);
  const existing = await readdir(target).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw new InputError(`${folder} is there and is not a folder: expected a new or empty folder.`, { cause: error });
  });
  if (existing && existing.length > 0) {
    throw new InputError(`${folder} already holds ${existing.length} files or folders: expected a new or empty folder.`);
  }
  const partial = join(dirname(target), `.${basename(target)}.${process.pid}.partial`);
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(join(partial, 'images'), { recursive: true });
    let written = 0;
    for (const { path, bytes } of faceFolderFiles(dataset, intensities)) {
      await writeFile(join(partial, path), bytes);
      onProgress?.(++written);
    }
    // Windows renames onto nothing only.
    if (existing) await rmdir(target);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    const code = codeOf(error);
    if (error instanceof InputError || !code) throw error;
    throw new InputError(`${folder} cannot be written (${code}): expected a place with room and the right to write.`, {
      cause: error,
    });
  }
}
