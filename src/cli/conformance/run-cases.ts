/** Runs case files one after another; a bad one does not stop the others. */
import { readFile } from 'node:fs/promises';
import { parseCase, runCase, type CaseResult, type ConformanceCase } from '../../conformance/index.js';
import { DeviceError, InputError, type AdapterDescription, type Engine } from '../../engine/index.js';
import { reasonOf } from '../folders.js';
import type { CaseReport } from './report.js';

/** What `zygo conformance` has to run, and who hears of it. */
export interface RunCasesOptions {
  /** Paths of case files, run in this order. */
  readonly files: readonly string[];
  /** Opens an engine: at the start, and again after a case that the device did not survive. */
  readonly openEngine: () => Promise<Engine>;
  /** Instead of each op's own tolerances, forward and gradient; relative, see `compare`. */
  readonly tolerance?: number;
  /** Told after each case. */
  readonly onCase?: (report: CaseReport) => void;
}

/** What came of all cases, and on which adapter. */
export interface CasesRun {
  /** One per file, in the order of the files. */
  readonly reports: readonly CaseReport[];
  readonly adapter: AdapterDescription;
}

async function readCase(file: string): Promise<ConformanceCase> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new InputError(`${file} cannot be read (${reasonOf(error)}): expected a safetensors file.`, { cause: error });
  }
  return parseCase(bytes, file);
}

/** The engine of the run, made anew when a device has failed. */
class EngineKeeper {
  constructor(
    private readonly open: () => Promise<Engine>,
    public engine: Engine,
  ) {}

  /** @returns what the device said is wrong */
  async run(source: ConformanceCase, tolerance: number | undefined): Promise<CaseResult> {
    try {
      return await runCase(this.engine, source, tolerance);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      this.engine.destroy();
      this.engine = await this.open();
      return { passed: false, comparisons: [], problems: [error.message.replace(/\.$/, '')] };
    }
  }
}

async function reportOf(file: string, keeper: EngineKeeper, tolerance: number | undefined): Promise<CaseReport> {
  const start = performance.now();
  let source: ConformanceCase | null = null;
  try {
    source = await readCase(file);
    const result = await keeper.run(source, tolerance);
    const verdict = result.passed ? 'passed' : 'failed';
    return { file, verdict, source, result, problems: result.problems, milliseconds: performance.now() - start };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { file, verdict: 'unreadable', source, result: null, problems: [error.message], milliseconds: performance.now() - start };
  }
}

/**
 * Runs the cases one after another on one engine; a file that cannot be read and a case that fails are reported, not thrown.
 * @throws {Error} what `openEngine` throws, when there is no device (any more)
 */
export async function runCases({ files, openEngine, tolerance, onCase }: RunCasesOptions): Promise<CasesRun> {
  const keeper = new EngineKeeper(openEngine, await openEngine());
  const { info: adapter } = keeper.engine;
  const reports: CaseReport[] = [];
  try {
    for (const file of files) {
      const report = await reportOf(file, keeper, tolerance);
      reports.push(report);
      onCase?.(report);
    }
  } finally {
    keeper.engine.destroy();
  }
  return { reports, adapter };
}
