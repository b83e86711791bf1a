/** Checkpoints as the command line reads them: decoded, compared with what the run expects, with their run's options. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../engine/errors.js';
import { architectureOf, decodeSnapshot, type TrainingSnapshot } from '../../model/checkpoint/training-state.js';
import type { ActionUnit } from '../../data/action-units.js';
import type { Preset } from '../../model/presets.js';
import { reasonOf } from '../folders.js';
import { CONFIG_FILE } from './run-folder.js';
import type { TrainOptions } from './settings.js';

/**
 * Reads a checkpoint file.
 * @throws {InputError} when it is not there, cut off, damaged, or no Zygo checkpoint
 */
export async function readCheckpoint(file: string): Promise<TrainingSnapshot> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new InputError(`The checkpoint ${file} cannot be read (${reasonOf(cause)}): expected a checkpoint.safetensors that zygo train wrote.`, { cause });
  });
  return decodeSnapshot(bytes, file);
}

/** Leaves of a JSON value by path, lists as one leaf. */
function leaves(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

/**
 * Compares a checkpoint with the architecture that a run will have.
 * @param actionUnits AUs of the run's faces
 * @throws {InputError} naming each number that differs
 */
export function expectArchitecture(snapshot: TrainingSnapshot, file: string, preset: Preset, actionUnits: readonly ActionUnit[]): void {
  const expected = architectureOf({ ...preset, regions: { ...preset.regions, actionUnits } });
  if (snapshot.architecture === expected) return;
  const given = new Map(leaves(JSON.parse(snapshot.architecture) as unknown));
  const differences = leaves(JSON.parse(expected) as unknown).filter(([path, value]) => given.get(path) !== value);
  const list = differences.map(([path, value]) => `${path} ${given.get(path) ?? 'missing'}, expected ${value}`).join('; ');
  throw new InputError(
    `The checkpoint ${file} is of another architecture (preset ${snapshot.preset}) than this run (preset ${preset.name}): ${list || 'other fields'}.`,
  );
}

const savedOptions = z.object({
  options: z.object({
    preset: z.string(),
    data: z.string().optional(),
    seed: z.number(),
    statistics: z.enum(['bp4d', 'disfa']),
    budget: z.enum(['full', 'demo']),
    steps: z.number().optional(),
    batch: z.number().optional(),
    faces: z.number().optional(),
    imageSize: z.number().optional(),
    lossWeights: z.partialRecord(z.enum(['global', 'region', 'contrast', 'relation']), z.number()).optional(),
    globalOnly: z.boolean(),
    supervised: z.boolean(),
    checkpointEvery: z.number(),
  }),
});

/**
 * The options of a resumed run: those of the config.json beside the checkpoint, except where the command line says
 * otherwise. Without a config.json the options stay as they are.
 * @returns the options and the earlier run's folder, null when there is none
 * @throws {InputError} when config.json is there and is not what a run writes
 */
export async function resumedOptions(options: TrainOptions, given: ReadonlySet<string>): Promise<{ options: TrainOptions; folder: string | null }> {
  const folder = dirname(options.resume as string);
  const file = join(folder, CONFIG_FILE);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return { options, folder: null };
  let saved: z.infer<typeof savedOptions>['options'];
  try {
    saved = savedOptions.parse(JSON.parse(text)).options;
  } catch (cause) {
    throw new InputError(`${file} is not the config.json of a run: expected it as zygo train wrote it, or none beside the checkpoint.`, { cause });
  }
  const fromCommandLine = Object.fromEntries(Object.entries(options).filter(([name]) => given.has(name)));
  return { options: { ...options, ...saved, ...fromCommandLine }, folder };
}
