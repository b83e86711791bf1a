/** Checkpoints as the command line reads them: decoded, compared with what the run expects, with their run's options. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../engine/errors.js';
import { architectureOf, decodeSnapshot, type TrainingSnapshot } from '../../model/checkpoint/training-state.js';
import type { ActionUnit } from '../../data/action-units.js';
import { PRECISIONS } from '../../model/precision.js';
import type { Preset } from '../../model/presets.js';
import { tunedChoicesSchema, type TunedChoices } from '../../tuning/choices.js';
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
    precision: z.enum(PRECISIONS).optional(),
    accumulate: z.number().int().optional(),
    checkpointActivations: z.boolean().optional(),
    globalOnly: z.boolean(),
    supervised: z.boolean(),
    checkpointEvery: z.number(),
    tuned: z.boolean().optional(),
    subgroupMatrix: z.boolean().optional(),
  }),
  // Runs from before there were any have none: the rules chose.
  tuned: tunedChoicesSchema.nullable().default(null),
});

/** What an earlier run's folder says about how to go on. */
export interface EarlierRun {
  readonly options: TrainOptions;
  /** The run's folder; null when there is no config.json. */
  readonly folder: string | null;
  /** Kernel choices that were in force, null for the rules alone; undefined without a config.json. */
  readonly tuned: TunedChoices | null | undefined;
}

/** @throws {InputError} when config.json is not what a run writes */
function parseConfig(text: string, file: string): z.infer<typeof savedOptions> {
  try {
    return savedOptions.parse(JSON.parse(text));
  } catch (cause) {
    throw new InputError(`${file} is not the config.json of a run: expected it as zygo train wrote it, or none beside the checkpoint.`, { cause });
  }
}

/**
 * The kernel choices that the run of a checkpoint was made with, null for the rules alone: other choices add up in
 * another order and give other last bits.
 * @throws {InputError} when a config.json is there and is not what a run writes
 */
export async function choicesOfRun(checkpoint: string): Promise<TunedChoices | null> {
  const file = join(dirname(checkpoint), CONFIG_FILE);
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : parseConfig(text, file).tuned;
}

/**
 * The options of a resumed run: those of the config.json beside the checkpoint, except where the command line says
 * otherwise. Without a config.json the options stay as they are.
 * @throws {InputError} when config.json is there and is not what a run writes
 */
export async function resumedOptions(options: TrainOptions, given: ReadonlySet<string>): Promise<EarlierRun> {
  const folder = dirname(options.resume as string);
  const file = join(folder, CONFIG_FILE);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return { options, folder: null, tuned: undefined };
  const { options: saved, tuned } = parseConfig(text, file);
  const fromCommandLine = Object.fromEntries(Object.entries(options).filter(([name]) => given.has(name)));
  return { options: { ...options, ...saved, ...fromCommandLine }, folder, tuned };
}
