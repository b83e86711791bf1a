/** `npm run bench -- registers`: what NVIDIA's assembler makes of the kernels that a GPU would run. */
import { CommandFailure, EXIT } from '../../src/cli/failure.js';
import { PRESETS } from '../../src/model/presets.js';
import { assemble, CompilerError, nvccRelease } from './compile.js';
import { UntranslatableError } from './cuda-types.js';
import { kernelsOfGpu, type Kernel } from './kernels.js';
import type { Architecture } from './occupancy.js';
import { registerLines, type Row } from './table.js';
import { translate, type Translation } from './translate.js';

/** Options of the command. */
export interface RegisterOptions {
  readonly arch: Architecture;
  /** The compiler: a path, or a name to be found in PATH. */
  readonly nvcc: string;
  /** Kernels whose file or place holds this text, or one of several with | between them. */
  readonly filter?: string;
}

/** Kernels per call of the compiler: enough to share the time it takes to read its headers. */
const BATCH = 16;

/** A kernel with its translation, or, in words, why there is none. */
function translated(kernel: Kernel, name: string): { kernel: Kernel; translation: Translation } | string {
  try {
    return { kernel, translation: translate(name, kernel.source) };
  } catch (error) {
    if (error instanceof UntranslatableError) return `shaders/${kernel.shader}.wgsl, ${error.message}`;
    throw error;
  }
}

async function rowsOf(kernels: readonly Kernel[], { nvcc, arch }: RegisterOptions, tell: (words: string) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (let first = 0; first < kernels.length; first += BATCH) {
    const batch = kernels.slice(first, first + BATCH).map((kernel, index) => [`k${index}`, translated(kernel, `k${index}`)] as const);
    const good = new Map<string, { kernel: Kernel; translation: Translation }>(batch.flatMap(([name, each]) => (typeof each === 'string' ? [] : [[name, each] as const])));
    for (const [, each] of batch) if (typeof each === 'string') tell(each);
    if (good.size === 0) continue;
    const sources = new Map([...good].map(([name, { translation }]) => [name, translation]));
    for (const [name, assembled] of await assemble(nvcc, arch, sources)) {
      const each = good.get(name);
      if (each) rows.push({ kernel: each.kernel, threads: each.translation.threads, assembled });
    }
    tell(`${Math.min(first + BATCH, kernels.length)} of ${kernels.length} kernels`);
  }
  return rows;
}

/**
 * Prints the table; progress and what could not be translated go to stderr.
 * @throws {CommandFailure} without a compiler, or where nothing fits the filter
 */
export async function runRegisters(options: RegisterOptions): Promise<void> {
  const { arch, nvcc, filter } = options;
  try {
    const release = await nvccRelease(nvcc);
    const words = filter?.split('|') ?? [''];
    const kernels = (await kernelsOfGpu(Object.values(PRESETS))).filter(({ shader, where }) => words.some((word) => `${shader} ${where.join(' ')}`.includes(word)));
    if (kernels.length === 0) throw new CommandFailure(EXIT.badInput, `No kernel fits the filter "${filter}": expected part of a path below shaders/, or of a preset's name.`);
    const rows = await rowsOf(kernels, options, (line) => void process.stderr.write(`${line}\n`));
    process.stdout.write(`Mechanical translation to CUDA C++, nvcc ${release}, ${arch}. No GPU was used, and nothing was timed.\n\n`);
    for (const line of registerLines(rows, arch)) process.stdout.write(`${line}\n`);
  } catch (error) {
    if (error instanceof CompilerError) throw new CommandFailure(EXIT.badInput, error.message, { cause: error });
    throw error;
  }
}
