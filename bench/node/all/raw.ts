/** Raw results of the parts, in the work folder: put together, and taken away where a run cannot go on with them. */
import { readFile, rm } from 'node:fs/promises';
import { InputError } from '../../../src/engine/errors.js';
import { mergeResults } from '../../harness/merge.js';
import { parseResult, type BenchResult } from '../../harness/schema.js';
import { RAW_PARTS, rawFile } from './parts.js';

/** @throws {InputError} when the file holds no result */
async function load(file: string): Promise<BenchResult | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : parseResult(text, file);
}

/** What a body gives; null, and a line that says why, when it throws an InputError. */
async function orTold<T>(body: () => T | Promise<T>, say: (line: string) => void): Promise<T | null> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    say(error.message);
    return null;
  }
}

/**
 * What parts measured, as one result; null when none did. What cannot be read, or not be put together with what came
 * before it, is told and left out: the other parts are worth their files.
 */
export async function combined(work: string, parts: readonly string[], say: (line: string) => void): Promise<BenchResult | null> {
  let whole: BenchResult | null = null;
  for (const part of parts) {
    const before: BenchResult | null = whole;
    const next = await orTold(() => load(rawFile(work, part)), say);
    if (next) whole = before ? ((await orTold(() => mergeResults(before, next, 'all'), (line) => say(`${part} is left out: ${line}`))) ?? before) : next;
  }
  return whole;
}

/**
 * Takes away what a run at a commit cannot go on with: results that cannot be read, or are of another commit.
 * @param all takes every result away
 * @returns parts that have to be measured again
 */
export async function dropRaw(work: string, commit: string | null, all: boolean, say: (line: string) => void): Promise<string[]> {
  const dropped: string[] = [];
  for (const part of RAW_PARTS) {
    const file = rawFile(work, part);
    const kept = all ? null : await orTold(() => load(file), (line) => say(`${part} is measured again: ${line}`));
    if (kept?.environment.commit === commit) continue;
    await rm(file, { force: true });
    dropped.push(part);
  }
  return dropped;
}
