/**
 * What the tuner keeps: for one environment (adapter, runtime, Zygo) every problem that was measured, with every
 * candidate's time. Plain JSON, checked when it is read.
 */
import { z } from 'zod';
import type { Engine } from '../engine/index.js';

const environmentSchema = z.object({
  adapter: z.object({ vendor: z.string(), architecture: z.string(), device: z.string(), description: z.string() }),
  /** Optional features that the device was opened with, sorted. */
  features: z.array(z.string()),
  /** What implements WebGPU, with its version: "Dawn (npm webgpu) 0.6.2", or the browser's own words. */
  runtime: z.string(),
  /** Zygo's version. */
  zygo: z.string(),
});

const candidateSchema = z.object({
  variant: z.string(),
  /** Median nanoseconds of one run; null when it was not timed (`note` says why). */
  nanoseconds: z.number().nullable(),
  /** First and third quartile in nanoseconds; null when not timed. */
  spread: z.tuple([z.number(), z.number()]).nullable(),
  /** Samples. */
  n: z.number(),
  /** Runs in each sample. */
  repeats: z.number(),
  /** Largest difference from the base variant, relative to the largest magnitude; null when it could not be compared. */
  error: z.number().nullable(),
  /** Empty, or why it has no time or few samples. */
  note: z.string(),
});

const recordSchema = z.object({
  family: z.string(),
  problem: z.string(),
  /** What the family's rule says. */
  rule: z.string(),
  /** What is used from now on. */
  winner: z.string(),
  candidates: z.array(candidateSchema),
  /** Shader files that the candidates ran, by name. */
  shaders: z.array(z.string()),
  /** Hash of their sources: another hash means other kernels, and that the record is void. */
  kernels: z.string(),
  /** 'gpu': timestamps on the device; 'wall': the clock around a submission. */
  clock: z.enum(['gpu', 'wall']),
  /** ISO date and time of the measurement. */
  date: z.string(),
});

const setSchema = z.object({ format: z.literal(1), environment: environmentSchema, records: z.array(recordSchema) });

/** Where times hold; see the schema's comments. */
export type TuningEnvironment = z.infer<typeof environmentSchema>;
/** One candidate of a problem. */
export type CandidateTime = z.infer<typeof candidateSchema>;
/** One measured problem. */
export type TuningRecord = z.infer<typeof recordSchema>;
/** All that was measured in one environment. */
export type TuningSet = z.infer<typeof setSchema>;

/** Describes where an engine's times hold. */
export function tuningEnvironment({ device, info }: Engine, versions: { readonly runtime: string; readonly zygo: string }): TuningEnvironment {
  const { vendor, architecture, device: name, description } = info;
  return { adapter: { vendor, architecture, device: name, description }, features: [...device.features].sort(), ...versions };
}

/** Everything of an environment in one line: two are the same when their lines are. */
export function environmentLine({ adapter, features, runtime, zygo }: TuningEnvironment): string {
  return JSON.stringify([adapter.vendor, adapter.architecture, adapter.device, adapter.description, features, runtime, zygo]);
}

/**
 * Reads what was stored.
 * @param value parsed JSON
 * @returns the set, or null when it is none or belongs to another environment
 */
export function readTuningSet(value: unknown, environment: TuningEnvironment): TuningSet | null {
  const parsed = setSchema.safeParse(value);
  if (!parsed.success || environmentLine(parsed.data.environment) !== environmentLine(environment)) return null;
  return parsed.data;
}

/** "family problem", as records are told apart. */
export function recordKey({ family, problem }: { readonly family: string; readonly problem: string }): string {
  return `${family} ${problem}`;
}
