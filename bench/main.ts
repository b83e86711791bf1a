#!/usr/bin/env node
/** `npm run bench`: measures a suite, or compares two result files. */
import { readFile } from 'node:fs/promises';
import { Command, CommanderError } from 'commander';
import { InputError } from '../src/engine/errors.js';
import { CommandFailure, EXIT, exitCodeOf, messageFor } from '../src/cli/failure.js';
import { oneOf, wholeNumber, adapterOption, verboseOption } from '../src/cli/options.js';
import { compareResults, comparedLines, isRegression } from './compare.js';
import { parseResult, type BenchResult } from './harness/schema.js';
import { MULTIPROCESSORS, type Architecture } from './registers/occupancy.js';
import type { RegisterOptions } from './registers/run.js';
import type { BenchCommandOptions } from './node/run.js';
import type { AllOptions } from './node/all/run.js';
import type { VersusOptions } from './node/versus.js';
import { PEER_NAMES, type PeerName } from './peers/names.js';
import { SUITES } from './suites/names.js';

const EXAMPLES = `
Every row is compared with a float64 reference first; a wrong kernel gets no time. Times are medians with their
interquartile range; docs/benchmark.md says how to read them.

Exit codes: 0 done, 1 a kernel was wrong, the run ended early, or compare found a regression, 2 something given cannot
be used.

Examples:
  npm run bench                                             the quick suite
  npm run bench -- --suite kernels --filter windowAttention
  npm run bench -- --suite full --json new.json --report new.html
  npm run bench -- --chrome --json chrome.json
  npm run bench -- compare old.json new.json
  npm run bench -- versus ../zygo-before --filter matmul    another checkout, processes in turns
  npm run bench -- all --minutes 30                         everything, for whoever has a GPU
  npm run bench -- registers --filter matmul                registers and occupancy by NVIDIA's compiler, without a GPU`;

/** Reads a number such as 0.5. */
function numberAbove(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (value >= least && Number.isFinite(value)) return value;
    throw new InputError(`Option ${option} is "${text}": expected a number from ${least}.`);
  };
}

/** Reads a further switch for Chrome's command line. */
function chromeSwitch(text: string, before: readonly string[]): readonly string[] {
  if (/^--[a-z]/.test(text)) return [...before, text];
  throw new InputError(`Option --chrome-switch is "${text}": expected a switch such as --chrome-switch=--enable-webgpu-developer-features.`);
}

/** Reads names of libraries with commas between them, or "none". */
function peerNames(text: string): PeerName[] {
  if (text === 'none') return [];
  return text.split(',').map(oneOf('--peers', PEER_NAMES));
}

async function load(file: string): Promise<BenchResult> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new InputError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}): expected a file that "npm run bench -- --json FILE" wrote.`);
  }
  return parseResult(text, file);
}

async function compare(fileA: string, fileB: string, { threshold }: { threshold: number }): Promise<void> {
  const compared = compareResults(await load(fileA), await load(fileB), threshold);
  if (compared.rows.length === 0) throw new InputError(`${fileA} and ${fileB} have no row in common: expected results of the same suite.`);
  for (const line of comparedLines(compared, threshold)) process.stdout.write(`${line}\n`);
  const regressions = compared.rows.filter(isRegression).length;
  if (regressions > 0) throw new CommandFailure(EXIT.failed, `${regressions} of ${compared.rows.length} rows are slower or broken in ${fileB}.`);
}

/** Commander's message as a sentence that says where to look. */
function usageSentence({ message }: CommanderError): string {
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ').replace(/\.$/, '').trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}: expected what "npm run bench -- --help" lists.`;
}

/** Errors are thrown, not printed: they are told in one place. */
function quiet(command: Command): Command {
  command
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new CommandFailure(EXIT.badInput, usageSentence(error), { cause: error });
    })
    .configureOutput({ outputError: () => {} });
  for (const child of command.commands) quiet(child as Command);
  return command;
}

function makeCommand(): Command {
  const program = new Command('bench')
    // Options of `all` are its own, although the suite has some of the same name.
    .enablePositionalOptions()
    .description('Measures the kernels and training steps on this machine, checked, with peaks of its own and a canary.')
    .option('--suite <name>', `${SUITES.join(', ')}`, oneOf('--suite', SUITES), 'quick')
    .option('--filter <text>', 'only groups of rows whose name holds this text (with ^ before it: begins with it), or one of several with | between them')
    .option('--list', 'print the names of the groups and end', false)
    .option('--tuned', 'measure the choices that zygo tune stored for this adapter beside the rules, where they differ', false)
    .option('--json <file>', 'write everything, raw samples too, into this file')
    .option('--continue', 'keep the groups that the file of --json holds already, and measure the others', false)
    .option('--report <file>', 'write a report as one HTML file that needs no network')
    .option('--seconds <number>', 'seconds of samples per row at most', numberAbove('--seconds', 0.01))
    .option('--samples <number>', 'samples per row at least', wholeNumber('--samples', 3, 1000), 8)
    .option('--flush-mib <number>', 'MiB written to flush the caches before cold runs; 0 leaves cold times out', wholeNumber('--flush-mib', 0, 4096))
    .option('--run-limit <seconds>', 'what may take longer in one run is scaled down or left out, in words', numberAbove('--run-limit', 0.01), 2)
    .option('--peers <names>', `libraries to measure beside Zygo in the suites peers and full: ${PEER_NAMES.join(',')}, or none`, peerNames, [...PEER_NAMES])
    .option('--without-robustness', "leave Dawn's bounds checks out of the kernels", false)
    .option('--subgroup-matrix', "let kernels use Dawn's experimental subgroup matrices, where the adapter has them (Node only)", false)
    .option('--chrome', 'run in headless Chrome: CHROME_PATH, an installed one, Playwright\'s, or the bundled one', false)
    .option('--chrome-switch <switch>', 'one more switch for Chrome, such as --enable-webgpu-developer-features; may be repeated', chromeSwitch, [])
    .addOption(adapterOption())
    .addOption(verboseOption())
    .addHelpText('after', EXAMPLES)
    // Loaded when it is wanted: kernels, references and charts take a while.
    .action(async (options: BenchCommandOptions) => (await import('./node/run.js')).runBench(options));
  program
    .command('compare')
    .description('Compare two files of --json row by row: faster, slower, same or ambiguous; exit code 1 on a regression.')
    .argument('<A>', 'the file to compare with')
    .argument('<B>', 'the file that is judged')
    .option('--threshold <share>', 'relative difference that matters', numberAbove('--threshold', 0), 0.05)
    .action(compare);
  program
    .command('versus')
    .description('Measure this checkout beside another one, processes in turns, and judge it by the rule of compare; exit code 1 on a regression.')
    .argument('<folder>', 'another checkout, built; this one itself shows what this machine calls a difference')
    .option('--suite <name>', `${SUITES.join(', ')}`, oneOf('--suite', SUITES), 'quick')
    .option('--filter <text>', 'only groups of rows whose name holds this text, or one of several with | between them')
    .option('--rounds <number>', 'processes of each checkout', wholeNumber('--rounds', 4, 100), 5)
    .option('--seconds <number>', 'seconds of samples of a row at most, in each process', numberAbove('--seconds', 0.01), 0.5)
    .option('--threshold <share>', 'relative difference that matters', numberAbove('--threshold', 0), 0.05)
    .option('--json <prefix>', 'write what was compared into PREFIX-a.json and PREFIX-b.json, medians of processes as samples')
    .addOption(adapterOption())
    .addOption(verboseOption())
    .action(async (folder: string, options: VersusOptions) => (await import('./node/versus.js')).runVersus(folder, options));
  program
    .command('presets')
    .description('Print the presets as JSON, for bench/pytorch/run.py.')
    .action(async () => void process.stdout.write(`${JSON.stringify((await import('../src/model/presets.js')).PRESETS)}\n`));
  program
    .command('all')
    .description('Everything there is to measure on this device: verify, tune, the suites, a short training, PyTorch. Goes on where it stopped.')
    .option('--out <folder>', 'where results, report and README.md go (default: bench/results/ and the name of the adapter)')
    .option('--minutes <number>', 'time for this call; the same command goes on later', numberAbove('--minutes', 0.01), 60)
    .option('--fresh', 'measure parts that are done again', false)
    .option('--torch <where>', 'auto: PyTorch on CUDA where there is one; cpu: on the CPU, to try it; none', oneOf('--torch', ['auto', 'cpu', 'none'] as const), 'auto')
    .addOption(adapterOption())
    .addOption(verboseOption())
    .action(async (options: AllOptions) => (await import('./node/all/run.js')).runAll(options));
  program
    .command('registers')
    .description("What NVIDIA's compiler makes of the kernels that a GPU would run: registers, spills and occupancy. Needs nvcc, but no GPU.")
    .option('--arch <name>', Object.keys(MULTIPROCESSORS).join(', '), oneOf('--arch', Object.keys(MULTIPROCESSORS) as Architecture[]), 'sm_90' as const)
    .option('--nvcc <path>', 'the compiler of the CUDA toolkit', 'nvcc')
    .option('--filter <text>', 'only kernels whose file or preset holds this text, or one of several with | between them')
    .addOption(verboseOption())
    .action(async (options: RegisterOptions) => (await import('./registers/run.js')).runRegisters(options));
  return quiet(program);
}

/** Ends the process after both streams are written out: an open WebGPU instance would keep Node alive for ever. */
function exit(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

try {
  await makeCommand().parseAsync();
  exit(0);
} catch (error) {
  const message = messageFor(error, process.argv.includes('--verbose'));
  if (message !== null) process.stderr.write(`${message}\n`);
  exit(error instanceof CommanderError ? error.exitCode : exitCodeOf(error));
}
