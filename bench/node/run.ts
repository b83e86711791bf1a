/** What `npm run bench` does, on the command line's side. */
import { readFile } from 'node:fs/promises';
import { InputError } from '../../src/engine/index.js';
import { CommandFailure, EXIT, sentence } from '../../src/cli/failure.js';
import { Interrupt } from '../../src/cli/interrupt.js';
import { expectWritableFile, writeReport } from '../../src/cli/report-file.js';
import { writeWholeSync } from '../../src/platform/node/whole-file.js';
import type { RunRequest } from '../harness/options.js';
import { differenceOf, measuredGroups, mergeResults } from '../harness/merge.js';
import { INTERRUPTED, ResultCollector, type RunHead } from '../harness/result.js';
import { parseResult, type BenchResult } from '../harness/schema.js';
import { renderBenchReport } from '../report/page.js';
import type { PeerName } from '../peers/names.js';
import type { SuiteName } from '../suites/names.js';
import { isPeerRow } from '../figures.js';
import { endLines } from '../table.js';
import type { BenchHost } from './host.js';
import { Terminal } from './terminal.js';

/** The options of `npm run bench` as commander reads them; bench/main.ts has their defaults. */
export interface BenchCommandOptions {
  readonly suite: SuiteName;
  /** Text of group names, several with | between them; all groups when left out. */
  readonly filter?: string;
  /** Print the groups' names instead of measuring. */
  readonly list: boolean;
  /** Measure stored choices beside the rules. */
  readonly tuned: boolean;
  /** Paths of the files to write. */
  readonly json?: string;
  readonly report?: string;
  /** Keep what the file of `json` holds already. */
  readonly continue: boolean;
  /** Seconds of samples of a row at most; by the suite when left out. */
  readonly seconds?: number;
  /** Samples of a row at least. */
  readonly samples: number;
  /** MiB written before cold runs; by the adapter when left out, 0 for no cold times. */
  readonly flushMib?: number;
  /** Seconds that one run of a row may be expected to take. */
  readonly runLimit: number;
  readonly peers: readonly PeerName[];
  readonly withoutRobustness: boolean;
  readonly subgroupMatrix: boolean;
  /** Run in headless Chrome instead of this process. */
  readonly chrome: boolean;
  /** Further switches of Chrome's command line, each with its dashes. */
  readonly chromeSwitch: readonly string[];
  readonly adapter: 'auto' | 'software';
  /** Stack traces. */
  readonly verbose: boolean;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** The host that is asked for; loaded when it is wanted. */
async function openHost({ chrome, chromeSwitch, adapter, withoutRobustness, subgroupMatrix }: BenchCommandOptions): Promise<BenchHost> {
  if (!chrome) return (await import('./node-host.js')).openNodeHost(adapter, !withoutRobustness, subgroupMatrix);
  return (await import('./chrome-host.js')).openChromeHost({ adapter, robustness: !withoutRobustness, switches: chromeSwitch });
}

/**
 * What `--continue` goes on from: the result in the file of `--json`, or null when there is none yet.
 * @throws {InputError} when the file cannot be read, holds no result, or one of another suite or filter
 */
async function earlierResult(options: BenchCommandOptions): Promise<BenchResult | null> {
  const { continue: wanted, json, suite, filter = null } = options;
  if (!wanted) return null;
  if (json === undefined) throw new InputError('--continue goes on with what the file of --json holds: expected --json beside it.');
  const text = await readFile(json, 'utf8').then(
    (read): string | null => read,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null;
      throw new InputError(`--continue cannot read ${json} (${cause.code}): expected a file that can be read, or none.`, { cause });
    },
  );
  if (text === null) return null;
  const earlier = parseResult(text, json);
  if (earlier.suite === suite && earlier.filter === filter) return earlier;
  throw new InputError(`${json} holds the suite ${earlier.suite}${earlier.filter === null ? '' : ` with the filter "${earlier.filter}"`}: expected the same suite and filter to go on with.`);
}

/**
 * Checks before anything of the suite is measured that it can be put together with the earlier result.
 * @throws {InputError} when adapter, commit, flags, runtime or system differ
 */
function expectToGoOn(earlier: BenchResult, { environment }: RunHead, { json }: BenchCommandOptions): void {
  const difference = differenceOf(earlier.environment, environment);
  if (difference === null) return;
  throw new InputError(`--continue cannot go on with ${json}, ${difference}: expected the same device, software and flags, or another file in --json.`);
}

async function writeFiles(result: BenchResult, { json, report }: BenchCommandOptions): Promise<void> {
  if (json !== undefined) await writeReport(json, `${JSON.stringify(result)}\n`);
  if (report !== undefined) await writeReport(report, renderBenchReport(result));
}

/** Seconds between writing what is known so far: a run that is killed loses no more. */
const KEEP_SECONDS = 20;

/**
 * Writes the file of --json while a run goes on. Between two groups, and at once: a write that went on beside the next
 * group would take time from it. Fails in silence: the file is written again at the end, and told about then.
 */
function keeper({ json }: BenchCommandOptions, collector: ResultCollector, earlier: BenchResult | null): () => void {
  const start = performance.now();
  let last = start;
  return () => {
    const now = performance.now();
    if (json === undefined || now - last < KEEP_SECONDS * 1000) return;
    const own = collector.result((now - start) / 1000, 'the run was killed');
    if (!own) return;
    try {
      writeWholeSync(json, `${JSON.stringify(earlier ? mergeResults(earlier, own) : own)}\n`);
    } catch {
      // As the comment above says.
    }
    last = performance.now();
  };
}

/** What is said of a run that ended early. */
function kept({ progress }: ResultCollector, { json, report }: BenchCommandOptions): string {
  const files = [json, report].filter((file) => file !== undefined).join(' and ');
  return `${progress.done} of ${progress.of} groups were measured${files ? `, and are in ${files}` : ''}.`;
}

/**
 * Runs the suite to its end, to Ctrl-C or to a failure; prints and writes what was measured in each case.
 * @param earlier what the run goes on from; null when it begins anew
 * @throws {InputError} before anything of the suite is measured, when `earlier` is of another device, commit or flags
 * @throws {CommandFailure} when a kernel was wrong, or the run ended early
 */
export async function measure(host: BenchHost, request: RunRequest, options: BenchCommandOptions, earlier: BenchResult | null, interrupt: Interrupt): Promise<void> {
  const collector = new ResultCollector();
  const terminal = new Terminal(print, say);
  const keep = keeper(options, collector, earlier);
  const start = performance.now();
  let failure: Error | null = null;
  try {
    await host.run(
      request,
      (event) => {
        if (event.kind === 'begin' && earlier) expectToGoOn(earlier, event.head, options);
        collector.add(event);
        terminal.hear(event);
        if (event.kind === 'group') keep();
      },
      interrupt.signal,
    );
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  const cutShort = interrupt.signal.aborted ? INTERRUPTED : (failure?.message.split('\n')[0] ?? null);
  const own = collector.result((performance.now() - start) / 1000, cutShort);
  const result = own && earlier ? mergeResults(earlier, own) : own;
  if (result) {
    for (const line of endLines(result)) print(line);
    await writeFiles(result, options);
  }
  interrupt.check(() => `Interrupted: ${kept(collector, options)}`);
  if (failure) throw result ? new CommandFailure(EXIT.failed, `${sentence(failure.message)} ${kept(collector, options)}`, { cause: failure }) : failure;
  const wrong = result?.rows.filter((row) => row.status === 'wrong' && !isPeerRow(row)).length ?? 0;
  if (wrong > 0) throw new CommandFailure(EXIT.failed, `${wrong} of ${result?.rows.length} rows are wrong and have no time.`);
}

/**
 * Measures a suite, prints it and writes the files.
 * @throws {InputError} when the filter, a switch or a file's place cannot be used
 * @throws {CommandFailure} when there is no adapter, a kernel was wrong, or the run ended early
 */
export async function runBench(options: BenchCommandOptions): Promise<void> {
  const { suite, filter = null, tuned, samples, seconds = null, flushMib = null, runLimit, peers, json, report } = options;
  if (options.chromeSwitch.length > 0 && !options.chrome) throw new InputError('--chrome-switch is for Chrome: expected --chrome beside it.');
  if (tuned && options.chrome) throw new InputError('--tuned reads what zygo tune stored for Node, which holds nothing for Chrome: expected it without --chrome.');
  if (options.subgroupMatrix && options.chrome) throw new InputError('--subgroup-matrix is for Node, as Chrome offers no subgroup matrices: expected it without --chrome.');
  for (const file of [json, report]) if (file !== undefined) await expectWritableFile(file);
  const earlier = await earlierResult(options);
  const without = earlier ? measuredGroups(earlier) : [];
  const request: RunRequest = { suite, filter, without, tuned, samples, seconds, flushMib, runLimit, peers };
  const interrupt = new Interrupt(() => say('Ending after what is being measured (again: ends at once) ...'), () => {});
  try {
    const host = await openHost(options);
    try {
      if (options.list) for (const name of await host.list(request)) print(name);
      else await measure(host, request, options, earlier, interrupt);
    } finally {
      await host.close();
    }
  } finally {
    interrupt.dispose();
  }
}
