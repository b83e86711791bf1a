/** `bench all`: everything there is to measure on a device, one part after the other, gone on with where it stopped. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openDevice } from '../../../src/cli/device.js';
import { CommandFailure, EXIT } from '../../../src/cli/failure.js';
import { reasonOf } from '../../../src/cli/folders.js';
import { Interrupt } from '../../../src/cli/interrupt.js';
import { environmentHere, storedRecords } from '../../../src/cli/tune/stored.js';
import { gitCommit } from '../../../src/cli/version.js';
import { writeWhole } from '../../../src/platform/node/whole-file.js';
import { trimmed } from '../../harness/merge.js';
import { renderBenchReport } from '../../report/page.js';
import { runChild } from './child.js';
import { CHROME_PARTS, MATRIX_PARTS, MEASURED_PARTS, partsOf, PYTORCH_PARTS, type Part } from './parts.js';
import { combined, dropRaw } from './raw.js';
import { readState, writeState, type AllState, type Outcome } from './state.js';
import { summaryText } from './summary.js';
import { dropTrainings, trainingSpeed } from './training-speed.js';

/** The options of `bench all` as commander reads them; bench/main.ts has their defaults. */
export interface AllOptions {
  /** The results' folder; bench/results/ and a name made from the adapter's when left out. */
  readonly out?: string;
  /** Of this call, for all parts together. */
  readonly minutes: number;
  /** Measure again what is done. */
  readonly fresh: boolean;
  /** Where PyTorch is to run, see PartContext. */
  readonly torch: 'auto' | 'cpu' | 'none';
  readonly adapter: 'auto' | 'software';
  readonly verbose: boolean;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Letters and digits of an adapter's name, for a folder. */
export function folderName(adapter: string): string {
  return adapter.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60) || 'unnamed-adapter';
}

/** Writes the files that are kept. */
async function writeResults(out: string, work: string, state: AllState, parts: readonly Part[]): Promise<void> {
  await writeState(out, state);
  const result = await combined(work, MEASURED_PARTS, say);
  const pytorch = await combined(work, PYTORCH_PARTS, say);
  const chrome = await combined(work, CHROME_PARTS, say);
  const matrices = await combined(work, MATRIX_PARTS, say);
  const files: [string, string][] = [];
  const keep = async (name: string, what: string, text: string): Promise<void> => {
    await writeWhole(join(out, name), text);
    files.push([name, what]);
  };
  if (result) {
    await keep('results.json', 'all rows with their samples, four digits each; `npm run bench -- compare` reads it', `${JSON.stringify(trimmed(result))}\n`);
    await keep('report.html', 'roofline, rivals, ladders, growth and breakdowns in one page', renderBenchReport(result, pytorch));
  }
  if (matrices) {
    await keep('subgroup-matrix.json', 'products of f16 with experimental subgroup matrices, which no other figure here uses', `${JSON.stringify(trimmed(matrices))}\n`);
    await keep('subgroup-matrix.html', 'the same as a page', renderBenchReport(matrices, pytorch));
  }
  if (pytorch) await keep('pytorch.json', 'the same shapes in PyTorch', `${JSON.stringify(trimmed(pytorch))}\n`);
  if (chrome) {
    await keep('chrome.json', 'the quick suite, and other libraries, in Chrome', `${JSON.stringify(trimmed(chrome))}\n`);
    await keep('chrome.html', 'the same as a page', renderBenchReport(chrome));
  }
  files.push(['state.json', 'which parts are done']);
  const titles = new Map(parts.map(({ name, title }) => [name, title]));
  await writeWhole(join(out, 'README.md'), summaryText({ state, titles, result, pytorch, chrome, matrices, speed: await trainingSpeed(work), files }));
}

/** Runs one part, or says why not. */
async function runPart(part: Part, before: Outcome | undefined, work: string, seconds: number, signal: AbortSignal): Promise<Outcome> {
  const date = new Date().toISOString();
  const given = await part.command();
  if ('skip' in given) return { status: 'skipped', seconds: 0, date, note: given.skip };
  const end = await runChild(given.command, given.args, join(work, `${part.name}.log`), seconds, signal);
  const status = end.code === 0 ? 'done' : end.stopped || end.code === EXIT.interrupted ? 'unfinished' : 'failed';
  return { status, seconds: (before?.seconds ?? 0) + end.seconds, date, note: end.lastLine.replaceAll(work, 'work').replaceAll(resolve('.'), '.').slice(0, 300) };
}

/** Less time than this is not worth beginning a part with. */
const LEAST_SECONDS = 5;

/**
 * Does every part that is not done yet, until it is out of time; writes the results after each.
 * @throws {CommandFailure} when a part failed or Ctrl-C was pressed (what was done is kept), or the folder cannot be written
 */
export async function runAll({ out, minutes, fresh, torch, adapter }: AllOptions): Promise<void> {
  const end = performance.now() + minutes * 60_000;
  const engine = await openDevice(adapter, say);
  const { info } = engine;
  const name = info.description || info.device || info.architecture || info.vendor;
  const folder = out ?? join('bench', 'results', folderName(name));
  const work = join(folder, 'work');
  try {
    await mkdir(work, { recursive: true });
  } catch (cause) {
    throw new CommandFailure(EXIT.badInput, `${folder} cannot be made (${reasonOf(cause)}): expected a folder that can be written.`, { cause });
  }
  const { state: before, stale } = await readState(folder, gitCommit(), name);
  if (stale) say('What is in the folder is of another commit or adapter: everything is measured again.');
  const state: AllState = fresh ? { ...before, parts: {} } : before;
  for (const part of await dropRaw(work, state.commit, fresh || stale, say)) delete state.parts[part];
  if (!state.parts.train) await dropTrainings(work);
  const tuned = async (): Promise<boolean> => (await storedRecords(engine, () => {})).length > 0;
  const matrices = async (): Promise<boolean> => {
    const again = await openDevice(adapter, () => {}, true);
    again.destroy();
    return again.info.subgroupMatrix !== undefined;
  };
  const parts = partsOf({ software: info.software, work, adapter, torch, tuned, matrices });
  say(`${environmentHere(engine).runtime} on ${name}${info.software ? ' (SOFTWARE adapter: no figure says anything about a GPU)' : ''}; results go to ${folder}`);
  const interrupt = new Interrupt(() => say('Ending after what is being measured (again: ends at once) ...'), () => {});
  try {
    // First everybody's share, then whoever was cut short: the important parts come first in both rounds.
    for (const limited of [true, false]) {
      for (const part of parts) {
        const known = state.parts[part.name];
        if (known?.status === 'done' || (!limited && known?.status !== 'unfinished')) {
          if (limited) say(`${part.name}: done on ${known?.date.slice(0, 10)}`);
          continue;
        }
        const left = (end - performance.now()) / 1000;
        if (interrupt.signal.aborted || left < LEAST_SECONDS) break;
        say(`\n${part.name}: ${part.title}`);
        const seconds = limited ? Math.min(left, Math.max(LEAST_SECONDS, part.share * minutes * 60)) : left;
        state.parts[part.name] = await runPart(part, known, work, seconds, interrupt.signal);
        say(`${part.name}: ${state.parts[part.name].status}`);
        await writeResults(folder, work, state, parts);
      }
    }
    await writeResults(folder, work, state, parts);
  } finally {
    interrupt.dispose();
    engine.destroy();
  }
  const of = (status: Outcome['status'] | undefined): string[] => parts.flatMap((part) => (state.parts[part.name]?.status === status ? [part.name] : []));
  const open = [...of('unfinished'), ...of(undefined)];
  say(`\nResults: ${join(folder, 'README.md')}`);
  interrupt.check(() => `Interrupted; the same command goes on. Not done: ${open.join(', ')}.`);
  if (open.length > 0) say(`Out of time (--minutes ${minutes}); the same command goes on. Not done: ${open.join(', ')}.`);
  if (of('failed').length > 0) throw new CommandFailure(EXIT.failed, `These parts failed: ${of('failed').join(', ')}; their logs are in ${work}.`);
}
