/** What `bench all` has done so far: one small file beside the results, so that a run can be gone on with. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeWhole } from '../../../src/platform/node/whole-file.js';

const outcomeSchema = z.object({
  /** done; failed: it ended with an error; unfinished: time ran out, the next run goes on; skipped: it cannot run here. */
  status: z.enum(['done', 'failed', 'unfinished', 'skipped']),
  /** Of all its runs together. */
  seconds: z.number().nonnegative(),
  /** ISO date and time of its last run. */
  date: z.string(),
  /** What it said last, or why it was skipped. */
  note: z.string(),
});

const stateSchema = z.object({
  format: z.literal('zygo-bench-all'),
  /** Null where the commit is not known. */
  commit: z.string().nullable(),
  adapter: z.string(),
  parts: z.record(z.string(), outcomeSchema),
});

/** How one part ended. */
export type Outcome = z.infer<typeof outcomeSchema>;
/** All parts so far, for one commit on one adapter. */
export type AllState = z.infer<typeof stateSchema>;

const FILE = 'state.json';

/**
 * The state in a folder; a new one where there is none that can be read, or where it is of another commit or adapter.
 * `stale` is true in the last case only: what cannot be read says nothing about the results beside it.
 */
export async function readState(folder: string, commit: string | null, adapter: string): Promise<{ readonly state: AllState; readonly stale: boolean }> {
  const fresh: AllState = { format: 'zygo-bench-all', commit, adapter, parts: {} };
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => '');
  let state: AllState;
  try {
    state = stateSchema.parse(JSON.parse(text));
  } catch {
    return { state: fresh, stale: false };
  }
  return state.commit === commit && state.adapter === adapter ? { state, stale: false } : { state: fresh, stale: true };
}

/** Writes it for the next run. */
export async function writeState(folder: string, state: AllState): Promise<void> {
  await writeWhole(join(folder, FILE), `${JSON.stringify(state, null, 1)}\n`);
}
