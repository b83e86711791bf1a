/** What `npm run bench` does, on the command line's side. */
import { expectWritableFile, writeReport } from '../../src/cli/report-file.js';
import { CommandFailure, EXIT } from '../../src/cli/failure.js';
import type { RunOptions } from '../harness/run.js';
import { listGroups, runSuite } from '../harness/run.js';
import { renderBenchReport } from '../report/page.js';
import type { SuiteName } from '../suites/names.js';
import { endLines, headLines, rowLines } from '../table.js';
import { findBenchDevice } from './device.js';

export interface BenchCommandOptions {
  readonly suite: SuiteName;
  readonly filter?: string;
  readonly list: boolean;
  readonly json?: string;
  readonly report?: string;
  readonly seconds?: number;
  readonly samples: number;
  readonly flushMib?: number;
  readonly runLimit: number;
  readonly withoutRobustness: boolean;
  readonly adapter: 'auto' | 'software';
  readonly verbose: boolean;
}

const MIB = 2 ** 20;

/** Relative half-width of a median's interval that ends sampling, and rounds at most. */
const PRECISION = 0.01;
const MAX_ROUNDS = 60;

/**
 * Measures a suite, prints it and writes the files.
 * @throws {InputError} when the filter or a file's place cannot be used
 * @throws {CommandFailure} when there is no adapter, or a kernel was wrong
 */
export async function runBench(options: BenchCommandOptions): Promise<void> {
  const { suite, filter = null, json, report, samples, runLimit } = options;
  for (const file of [json, report]) if (file !== undefined) await expectWritableFile(file);
  const device = await findBenchDevice(options.adapter, !options.withoutRobustness);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const probe = await device.open();
  const { software } = probe.info;
  probe.destroy();
  let peaks: Parameters<typeof headLines>[0]['peaks'] = { copy: null, fma: null };
  const run: RunOptions = {
    suite,
    filter,
    measure: {
      rule: { minimum: samples, maximum: Math.max(MAX_ROUNDS, samples), precision: PRECISION, seconds: options.seconds ?? (suite === 'quick' ? 1.5 : 4) },
      // Larger than the last-level caches that are common; a software adapter writes about 1 GB/s.
      flushBytes: (options.flushMib ?? (software ? 64 : 256)) * MIB,
      coldSamples: software ? 3 : 9,
      runLimit,
      copyBytes: (software ? 32 : 128) * MIB,
    },
    open: () => device.open(),
    now: () => performance.now() / 1000,
    environment: (engine) => device.environment(engine),
    listener: {
      begin(head, groups) {
        peaks = head.peaks;
        for (const line of headLines(head)) print(line);
        if (software) print('This is a SOFTWARE adapter: no figure below says anything about a GPU.');
        print(`${groups.length} groups of rows`);
      },
      group(rows, _, done, of) {
        print('');
        print(`${done}/${of} ${rows[0]?.group ?? ''}`);
        for (const line of rowLines(rows, { peaks })) print(line);
      },
      say,
    },
  };
  if (options.list) {
    for (const name of await listGroups(run)) print(name);
    return;
  }
  const result = await runSuite(run);
  for (const line of endLines(result)) print(line);
  if (json !== undefined) await writeReport(json, `${JSON.stringify(result)}\n`);
  if (report !== undefined) await writeReport(report, renderBenchReport(result));
  const wrong = result.rows.filter(({ status }) => status === 'wrong').length;
  if (wrong > 0) throw new CommandFailure(EXIT.failed, `${wrong} of ${result.rows.length} rows are wrong and have no time.`);
}
