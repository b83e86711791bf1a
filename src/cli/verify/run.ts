/** What `zygo verify` does. */
import { InputError, type Engine } from '../../engine/index.js';
import { loadCanonicalMesh } from '../../platform/node/canonical-mesh.js';
import { allCases, verify, type VerifyCase, type VerifyResult } from '../../verify/index.js';
import { openDevice } from '../device.js';
import { CommandFailure, EXIT } from '../failure.js';
import { Progress } from '../progress.js';
import { expectWritableFile, writeReport } from '../report-file.js';
import { environmentLines, environmentOf } from './environment.js';
import { countsOf, summaryLine, tableLines } from './table.js';

/** Options of `zygo verify`, as read. */
export interface VerifyOptions {
  readonly adapter: 'auto' | 'software';
  readonly subgroupMatrix: boolean;
  readonly json?: string;
  readonly filter?: string;
  readonly verbose: boolean;
}

/** @throws {InputError} when the filter leaves nothing */
function filtered(cases: readonly VerifyCase[], filter: string | undefined): readonly VerifyCase[] {
  if (filter === undefined) return cases;
  const wanted = cases.filter(({ op, name }) => `${op} ${name}`.toLowerCase().includes(filter.toLowerCase()));
  if (wanted.length > 0) return wanted;
  const ops = [...new Set(cases.map(({ op }) => op))].join(', ');
  throw new InputError(`--filter "${filter}" is in no case: expected a part of an op or its shapes; the ops are ${ops}.`);
}

/**
 * Verifies every kernel on this machine's adapter, prints the table and writes the report.
 * @throws {InputError} when the filter or the report's place cannot be used
 * @throws {CommandFailure} when a kernel failed, or there is no adapter
 */
export async function runVerify({ adapter, subgroupMatrix, json, filter }: VerifyOptions): Promise<void> {
  const start = performance.now();
  const all = allCases(await loadCanonicalMesh());
  const cases = filtered(all, filter);
  if (json !== undefined) await expectWritableFile(json);
  // Progress and remarks go to stderr: stdout is the table and nothing else.
  const progress = new Progress(process.stderr);
  const first = await openDevice(adapter, (line) => progress.say(line), subgroupMatrix);
  const environment = environmentOf(first);
  let unused: Engine | null = first;
  const open = async (): Promise<Engine> => {
    const engine = unused ?? (await openDevice(adapter, () => {}, subgroupMatrix));
    unused = null;
    return engine;
  };
  const results: VerifyResult[] = [];
  let done = 0;
  let stopped: unknown = null;
  progress.begin('Kernels', cases.length, { unit: 'cases' });
  try {
    for await (const result of verify(open, cases, () => progress.update((done += 1)))) results.push(result);
  } catch (error) {
    // The adapter is gone: what there is is printed first.
    stopped = error;
  } finally {
    progress.end();
  }
  const seconds = (performance.now() - start) / 1000;
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const notRun = all.length - cases.length;
  for (const line of [...environmentLines(environment), '', ...tableLines(results), '', summaryLine(results, seconds)]) print(line);
  if (filter !== undefined) print(`The filter "${filter}" was on: ${notRun} of ${all.length} cases were not run.`);
  const counts = countsOf(results);
  if (json !== undefined) {
    const report = { environment, filter: filter ?? null, casesNotRun: notRun, seconds, ...counts, results };
    await writeReport(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (stopped !== null) {
    const reason = stopped instanceof Error ? stopped.message : String(stopped);
    throw new CommandFailure(EXIT.failed, `Stopped after ${done} of ${cases.length} cases: ${reason}`, { cause: stopped });
  }
  if (counts.failed > 0) {
    throw new CommandFailure(EXIT.failed, `${counts.failed} of ${counts.passed + counts.failed} checks failed on this adapter; the table above names them.`);
  }
}
