/** What `zygo conformance` does. */
import { openDevice } from '../device.js';
import { CommandFailure, EXIT } from '../failure.js';
import { expectWritableFile, writeReport } from '../report-file.js';
import { zygoVersion } from '../version.js';
import { findCases } from './find-cases.js';
import { caseLine, reportJson, totalLine, type CaseReport } from './report.js';
import { runCases } from './run-cases.js';

/** Options of `zygo conformance`, as read. */
export interface ConformanceOptions {
  readonly json?: string;
  readonly tolerance?: number;
  readonly adapter: 'auto' | 'software';
  readonly verbose: boolean;
}

/** Ends with the exit code that the verdicts ask for; all words have been said. */
function endWith(reports: readonly CaseReport[]): void {
  const has = (verdict: CaseReport['verdict']) => reports.some((report) => report.verdict === verdict);
  if (has('unreadable')) throw new CommandFailure(EXIT.badInput, '');
  if (has('failed')) throw new CommandFailure(EXIT.failed, '');
}

/**
 * Runs the cases, prints a line for each and the total, and writes the report.
 * @throws {InputError} when a path or the report's place cannot be used
 * @throws {CommandFailure} when a case failed or could not be read
 */
export async function runConformance(paths: readonly string[], options: ConformanceOptions): Promise<void> {
  const { json, tolerance, adapter: wanted, verbose } = options;
  const files = await findCases(paths);
  if (json !== undefined) await expectWritableFile(json);
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  let say = print;
  const { reports, adapter } = await runCases({
    files,
    openEngine: () => {
      const engine = openDevice(wanted, say);
      // A device that replaces a failed one is the same adapter's.
      say = () => {};
      return engine;
    },
    tolerance,
    onCase: (report) => {
      print(caseLine(report, verbose));
      if (report.verdict === 'unreadable') process.stderr.write(`${report.problems.join('\n')}\n`);
    },
  });
  if (json !== undefined) await writeReport(json, reportJson(reports, { version: zygoVersion(), adapter, tolerance: tolerance ?? null }));
  print(totalLine(reports));
  endWith(reports);
}
