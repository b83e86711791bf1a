/** Runs NVIDIA's compiler on translated kernels and reads what its assembler, ptxas, says of each. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Architecture } from './occupancy.js';
import type { Translation } from './translate.js';

/** What ptxas reports of a kernel. */
export interface Assembled {
  /** Per thread. */
  readonly registers: number;
  /** Bytes of local memory per thread: arrays that are indexed dynamically, and what was spilled. */
  readonly stackBytes: number;
  readonly spillStoreBytes: number;
  readonly spillLoadBytes: number;
  /** Per workgroup. */
  readonly sharedBytes: number;
}

/** The compiler is not there, or does not take what it was given. */
export class CompilerError extends Error {
  override name = 'CompilerError';
}

const PRELUDE = fileURLToPath(new URL('../../../bench/registers/prelude.cuh', import.meta.url));

/**
 * Divisions, roots, exponentials and the like as the special function unit gives them, subnormals flushed, products and
 * sums fused: what Vulkan asks of a driver, and what CUDA does only when told.
 */
const MATH = ['-use_fast_math'];

function run(nvcc: string, args: readonly string[]): Promise<{ failed: boolean; text: string }> {
  return new Promise((resolve) => {
    execFile(nvcc, args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => resolve({ failed: error !== null, text: `${stdout}${stderr}` }));
  });
}

/**
 * The release of an nvcc, for example "13.0".
 * @throws {CompilerError} where there is none
 */
export async function nvccRelease(nvcc: string): Promise<string> {
  const { failed, text } = await run(nvcc, ['--version']);
  const release = /release ([\d.]+)/.exec(text)?.[1];
  if (failed || !release) throw new CompilerError(`${nvcc} cannot be run: expected NVIDIA's CUDA compiler, from the CUDA toolkit. No GPU and no driver is needed.`);
  return release;
}

/** ptxas's report of every kernel, by its name. */
export function parseReport(report: string): Map<string, Assembled> {
  const kernels = new Map<string, Assembled>();
  for (const part of report.split(/Compiling entry function '/).slice(1)) {
    const name = part.slice(0, part.indexOf("'")).replace(/_main$/, '');
    const count = (pattern: RegExp): number => Number(pattern.exec(part)?.[1] ?? 0);
    kernels.set(name, {
      registers: count(/Used (\d+) registers/),
      stackBytes: count(/(\d+) bytes stack frame/),
      spillStoreBytes: count(/(\d+) bytes spill stores/),
      spillLoadBytes: count(/(\d+) bytes spill loads/),
      sharedBytes: count(/(\d+) bytes smem/),
    });
  }
  return kernels;
}

/**
 * Compiles translations, by name, in one call of the compiler.
 * @throws {CompilerError} with the compiler's first complaints
 */
export async function assemble(nvcc: string, architecture: Architecture, translations: ReadonlyMap<string, Translation>): Promise<Map<string, Assembled>> {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-registers-'));
  try {
    const file = join(folder, 'kernels.cu');
    await writeFile(file, [await readFile(PRELUDE, 'utf8'), ...[...translations.values()].map(({ source }) => source)].join('\n'));
    const { failed, text } = await run(nvcc, ['-std=c++17', `-arch=${architecture}`, '-cubin', ...MATH, '-Xptxas', '-v', '-o', join(folder, 'kernels.cubin'), file]);
    if (failed) throw new CompilerError(`${nvcc} refused the translated kernels:\n${text.split('\n').filter((line) => /error/.test(line)).slice(0, 5).join('\n')}`);
    return parseReport(text);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
