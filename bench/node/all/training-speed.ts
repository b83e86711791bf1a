/** Speed of the short training, from the metrics that it left. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PRESETS } from '../../../src/model/presets.js';
import { parseMetrics } from '../../../src/report/summary-schema.js';
import type { MetricsRecord } from '../../../src/report/types.js';
import { median } from '../../../src/timing/statistics.js';
import type { TrainingSpeed } from './summary.js';

/** Begins the name of a training's folder; the time of its start ends it. */
export const TRAINING_PREFIX = 'train-';

/** Steps that a training needs to come to its speed: pipelines are compiled in the first. */
const FIRST_STEPS = 2;

/**
 * Speed by the median time between the ends of two steps.
 * @returns null when there are no steps after the first two
 */
export function speedOf(records: readonly Pick<MetricsRecord, 'elapsedSeconds'>[], batch: number): TrainingSpeed | null {
  const seconds = records.map(({ elapsedSeconds }, at) => elapsedSeconds - (records[at - 1]?.elapsedSeconds ?? 0)).slice(FIRST_STEPS);
  return seconds.length === 0 ? null : { stepsPerSecond: 1 / median(seconds), steps: seconds.length, batch };
}

/** Folders of short trainings, the last one at the end. */
async function trainingFolders(work: string): Promise<string[]> {
  return (await readdir(work).catch(() => [])).filter((name) => name.startsWith(TRAINING_PREFIX)).sort();
}

/** Takes away what short trainings left: of another commit, they say nothing about this one. */
export async function dropTrainings(work: string): Promise<void> {
  for (const folder of await trainingFolders(work)) await rm(join(work, folder), { recursive: true, force: true });
}

/** Speed of the last short training in the work folder; null when there is none. */
export async function trainingSpeed(work: string): Promise<TrainingSpeed | null> {
  const last = (await trainingFolders(work)).at(-1);
  if (last === undefined) return null;
  const file = join(work, last, 'metrics.jsonl');
  return speedOf(parseMetrics(await readFile(file, 'utf8').catch(() => ''), file), PRESETS.tiny.demo.batch);
}
