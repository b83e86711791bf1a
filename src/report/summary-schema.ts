/** Checks summary.json when it is written, and metrics.jsonl when it is read back from a run folder. */
import { z } from 'zod';
import { KNOWN_AUS, type ActionUnit } from '../data/action-units.js';
import { InputError } from '../engine/errors.js';
import { METHODS, type MetricsRecord, type RunSummary } from './types.js';

const share = z.number().min(0).max(1);
const isActionUnit = (au: number): au is ActionUnit => (KNOWN_AUS as readonly number[]).includes(au);
const actionUnit = z.custom<ActionUnit>((value) => typeof value === 'number' && isActionUnit(value), {
  error: `not one of AU ${KNOWN_AUS.join(', ')}`,
});

const methodScores = z.object({
  perAu: z.array(share),
  macro: share,
  perAuAtHalf: z.array(share).optional(),
  macroAtHalf: share.optional(),
  macroTenPercent: share.optional(),
});

/** Schema of {@link RunSummary}; also checks that every list has one entry per AU. */
export const runSummarySchema: z.ZodType<RunSummary> = z
  .object({
    title: z.string(),
    adapter: z.object({
      vendor: z.string(),
      architecture: z.string(),
      device: z.string(),
      description: z.string(),
      software: z.boolean(),
    }),
    seed: z.number().int(),
    preset: z.string(),
    precision: z.enum(['f32', 'mixed']).optional(),
    date: z.iso.datetime(),
    dataset: z.string(),
    actionUnits: z.array(actionUnit).min(1),
    prevalence: z.array(share),
    scores: z.object({
      model: methodScores,
      alwaysPositive: methodScores.optional(),
      randomInit: methodScores.optional(),
      globalOnly: methodScores.optional(),
      supervised: methodScores.optional(),
    }),
    wallSeconds: z.number().nonnegative(),
    samplesPerSecond: z.number().nonnegative(),
    steps: z.number().int().nonnegative(),
    budgetNote: z.string(),
    memory: z.object({ residentBytes: z.number().nonnegative(), peakBytes: z.number().nonnegative(), lowerBoundBytes: z.number().nonnegative() }).optional(),
  })
  .superRefine((summary, context) => {
    const count = summary.actionUnits.length;
    const check = (path: (string | number)[], list: readonly number[] | undefined) => {
      if (list && list.length !== count) {
        context.addIssue({ code: 'custom', path, message: `has ${list.length} entries for ${count} AUs` });
      }
    };
    check(['prevalence'], summary.prevalence);
    for (const method of METHODS) {
      check(['scores', method, 'perAu'], summary.scores[method]?.perAu);
      check(['scores', method, 'perAuAtHalf'], summary.scores[method]?.perAuAtHalf);
    }
  });

/** JSON has no NaN: JSON.stringify writes null for it. */
const maybeNumber = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

/** Schema of one line of metrics.jsonl. */
export const metricsRecordSchema = z.object({
  step: z.number().int().nonnegative(),
  loss: maybeNumber,
  terms: z.record(z.string(), maybeNumber),
  collapse: z.record(z.string(), maybeNumber),
  learningRate: z.number(),
  samplesPerSecond: maybeNumber,
  elapsedSeconds: z.number(),
});

function explain(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue.path.length > 0 ? `"${issue.path.join('.')}"` : 'the whole'}: ${issue.message}`;
}

/**
 * Reads metrics.jsonl. A last line without a line end is what a stopped run was writing, and is left out when it
 * is not whole.
 * @throws {InputError} naming file and line otherwise
 */
export function parseMetrics(text: string, fileName: string): MetricsRecord[] {
  const records: MetricsRecord[] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch (cause) {
      if (index === lines.length - 1) break;
      throw new InputError(`${fileName}, line ${index + 1}: not valid JSON, expected one record per line.`, { cause });
    }
    const result = metricsRecordSchema.safeParse(json);
    if (!result.success) throw new InputError(`${fileName}, line ${index + 1}, ${explain(result.error)}.`);
    records.push(result.data);
  }
  return records;
}
