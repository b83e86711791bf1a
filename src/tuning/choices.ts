/** Stored winners as the engine asks for them, and as a run keeps them in its config.json. */
import { z } from 'zod';
import type { TunedLookup } from '../engine/index.js';
import { hashOfShaders } from './hash.js';
import type { TuningRecord, TuningSet } from './record.js';

/** Winners by family and problem: what is in force, without the times. */
export const tunedChoicesSchema = z.object({
  /** ISO date and time of the latest measurement among them. */
  date: z.string(),
  variants: z.record(z.string(), z.record(z.string(), z.string())),
});

/** See the schema. */
export type TunedChoices = z.infer<typeof tunedChoicesSchema>;

/** The records whose kernels are still those that were measured. */
export async function currentRecords(set: TuningSet, sources: Readonly<Record<string, string>>): Promise<TuningRecord[]> {
  const hashes = new Map<string, Promise<string | null>>();
  const hashFor = (shaders: readonly string[]): Promise<string | null> => {
    const key = shaders.join(' ');
    const known = hashes.get(key) ?? hashOfShaders(shaders, sources);
    hashes.set(key, known);
    return known;
  };
  const current = await Promise.all(set.records.map(async (record) => (await hashFor(record.shaders)) === record.kernels));
  return set.records.filter((_, index) => current[index]);
}

/** Winners of some records, in a fixed order; null when there are none. */
export function choicesOf(records: readonly TuningRecord[]): TunedChoices | null {
  if (records.length === 0) return null;
  const variants: Record<string, Record<string, string>> = {};
  const sorted = [...records].sort((a, b) => (`${a.family} ${a.problem}` < `${b.family} ${b.problem}` ? -1 : 1));
  for (const { family, problem, winner } of sorted) (variants[family] ??= {})[problem] = winner;
  return { date: records.reduce((latest, { date }) => (date > latest ? date : latest), ''), variants };
}

/** How many problems have a stored winner. */
export function countChoices({ variants }: TunedChoices): number {
  return Object.values(variants).reduce((sum, problems) => sum + Object.keys(problems).length, 0);
}

/** What `Engine.useTuned` takes. */
export function lookupOf({ variants }: TunedChoices): TunedLookup {
  return (family, problem) => (Object.hasOwn(variants, family) && Object.hasOwn(variants[family], problem) ? variants[family][problem] : undefined);
}
