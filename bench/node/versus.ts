/**
 * `bench versus`: this checkout beside another one, processes in turns. Two files that were measured an hour apart compare
 * two hours too; and a process has luck of its own (where its memory lies, what else the machine did), which no number of
 * samples within it shows. So here a process is a sample: its median, for each row.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../../src/engine/errors.js';
import { CommandFailure, EXIT } from '../../src/cli/failure.js';
import { Interrupt } from '../../src/cli/interrupt.js';
import { writeReport } from '../../src/cli/report-file.js';
import { median, summarize } from '../../src/timing/statistics.js';
import { compareResults, comparedLines, isRegression } from '../compare.js';
import { parseResult, type BenchResult, type Row } from '../harness/schema.js';

/** What `bench versus` takes. */
export interface VersusOptions {
  readonly suite: string;
  readonly filter?: string;
  /** Processes of each checkout; with four the exact interval of a ratio has 97 %, with three there is none. */
  readonly rounds: number;
  /** Seconds of samples of a row at most, in each process. */
  readonly seconds: number;
  readonly threshold: number;
  /** Where both results go, as PREFIX-a.json (the other checkout) and PREFIX-b.json (this one). */
  readonly json?: string;
  readonly adapter: 'auto' | 'software';
}

const HERE = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = 'dist/bench/main.js';
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** @throws {InputError} when the folder is no checkout that was built */
async function expectBuilt(folder: string): Promise<string> {
  const main = join(resolve(folder), MAIN);
  const isFile = await stat(main).then((found) => found.isFile(), () => false);
  if (!isFile) throw new InputError(`${folder} has no ${MAIN}: expected another checkout of Zygo, in which "npm ci && npm run build" ran.`);
  return main;
}

/** Runs one process; its result. A wrong row (exit code 1) is part of a result, anything else that fails is told. */
async function measureOnce(main: string, args: readonly string[], file: string, signal: AbortSignal): Promise<BenchResult> {
  let told = '';
  await new Promise<void>((done, fail) => {
    const child = spawn(process.execPath, [main, ...args, '--json', file], { stdio: ['ignore', 'ignore', 'pipe'], signal });
    child.stderr.on('data', (chunk: Buffer) => (told = (told + chunk.toString()).slice(-2000)));
    child.on('error', (error) => (signal.aborted ? done() : fail(error)));
    child.on('close', () => done());
  });
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text !== null) return parseResult(text, file);
  const last = told.trim().split('\n').at(-1) ?? '';
  throw new CommandFailure(EXIT.failed, `${main} wrote no result: ${last || 'it said nothing'}`);
}

/** One row whose samples are the medians of processes; without a time where one process gave it none. */
function gathered(rows: readonly Row[]): Row {
  const [first] = rows;
  const untimed = rows.find(({ status, hot }) => status !== 'timed' || !hot);
  if (untimed) return untimed;
  const medians = (of: (hot: NonNullable<Row['hot']>) => readonly number[] | null): number[] => rows.flatMap(({ hot }) => (hot && of(hot)?.length ? [median(of(hot) ?? [])] : []));
  const wall = medians(({ wall: values }) => values);
  const timed = medians(({ gpu: values }) => values);
  const gpu = timed.length === rows.length ? timed : null;
  const hot = { wall, gpu, repeats: first.hot?.repeats ?? 1, discarded: 0, short: 0, stop: 'settled' as const, canaries: medians(({ canaries }) => canaries) };
  return { ...first, hot, cold: null, summary: { wall: summarize(wall), gpu: gpu && summarize(gpu), cold: null } };
}

/**
 * Results of several processes as one: the last one's facts, and of each row that all have, their medians as samples.
 * @param results at least one, of the same suite
 */
export function ofProcesses(results: readonly BenchResult[]): BenchResult {
  const last = results[results.length - 1];
  const rows = last.rows.flatMap(({ id }) => {
    const own = results.flatMap((result) => result.rows.filter((row) => row.id === id));
    return own.length === results.length ? [gathered(own)] : [];
  });
  const outOfBand = results.reduce((sum, { canary }) => sum + canary.outOfBand, 0);
  const of = results.reduce((sum, { canary }) => sum + canary.of, 0);
  return { ...last, rows, canary: { ...last.canary, outOfBand, of }, seconds: results.reduce((sum, { seconds }) => sum + seconds, 0) };
}

/**
 * Measures both checkouts in turns (A B, B A, A B ...), a process each, and judges the second by `compare`'s rule.
 * @param here this checkout
 * @throws {InputError} when the folder is no built checkout
 * @throws {CommandFailure} when a process gives no result, or a row is slower or broken here
 */
export async function runVersus(folder: string, { suite, filter, rounds, seconds, threshold, json, adapter }: VersusOptions, here = HERE): Promise<void> {
  const mains = [await expectBuilt(folder), await expectBuilt(here)] as const;
  const args = ['--suite', suite, '--seconds', String(seconds), '--flush-mib', '0', '--adapter', adapter, '--peers', 'none', ...(filter === undefined ? [] : ['--filter', filter])];
  const work = await mkdtemp(join(tmpdir(), 'zygo-versus-'));
  const interrupt = new Interrupt(() => say('Ending ...'), () => {});
  const results: [BenchResult[], BenchResult[]] = [[], []];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        say(`Round ${round + 1} of ${rounds}: ${side === 0 ? 'A, the other checkout' : 'B, this one'} ...`);
        const result = await measureOnce(mains[side], args, join(work, `${round}-${side}.json`), interrupt.signal);
        interrupt.check(() => 'Interrupted: nothing was compared.');
        results[side].push(result);
      }
    }
  } catch (error) {
    interrupt.check(() => 'Interrupted: nothing was compared.');
    throw error;
  } finally {
    interrupt.dispose();
    await rm(work, { recursive: true, force: true });
  }
  const [a, b] = results.map(ofProcesses);
  if (json !== undefined) for (const [name, result] of [['a', a], ['b', b]] as const) await writeReport(`${json}-${name}.json`, `${JSON.stringify(result)}\n`);
  const compared = compareResults(a, b, threshold);
  if (compared.rows.length === 0) throw new InputError('The two checkouts have no row in common: expected a suite and a filter that both know.');
  process.stdout.write(`A: ${folder}${a.environment.commit ? ` (${a.environment.commit.slice(0, 12)})` : ''}; B: this checkout${b.environment.commit ? ` (${b.environment.commit.slice(0, 12)})` : ''}; ${rounds} processes each, in turns; a process counts as one sample.\n`);
  for (const line of comparedLines(compared, threshold)) process.stdout.write(`${line}\n`);
  const regressions = compared.rows.filter(isRegression).length;
  if (regressions > 0) throw new CommandFailure(EXIT.failed, `${regressions} of ${compared.rows.length} rows are slower or broken in this checkout.`);
}
