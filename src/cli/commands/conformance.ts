import { Command } from 'commander';
import { SINGLE_OP, WHOLE_NETWORK } from '../../conformance/tolerance.js';
import type { ConformanceOptions } from '../conformance/run.js';
import { adapterOption, numberFromZero, verboseOption } from '../options.js';

const EXAMPLES = `
A case is a safetensors file with inputs and what another framework computed from them; docs/conformance.md describes
it and shows how to write one. Each case gets a line: verdict, op, shapes, and for each output and gradient the largest
absolute error and (in brackets) the same relative to the tensor's largest magnitude.

Exit codes: 0 all passed, 1 a case failed, 2 a case cannot be read.

Examples:
  zygo conformance test/fixtures/conformance
  zygo conformance my-case.safetensors other-cases --json report.json
  zygo conformance my-case.safetensors --tolerance 1e-6`;

/** `zygo conformance`: this machine's kernels against other frameworks' numbers. */
export function conformanceCommand(): Command {
  return new Command('conformance')
    .description("Compare the kernels on this machine's adapter with cases that other frameworks computed.")
    .argument('<path...>', 'case files, or folders that are searched for .safetensors files')
    .option('--json <file>', 'also write everything into this file')
    .option(
      '--tolerance <number>',
      `largest relative error of outputs and gradients (default: ${SINGLE_OP.forward} and ${SINGLE_OP.gradient}; for swin ${WHOLE_NETWORK.forward} and ${WHOLE_NETWORK.gradient})`,
      numberFromZero('--tolerance'),
    )
    .addOption(adapterOption())
    .addOption(verboseOption())
    .addHelpText('after', EXAMPLES)
    .action(async (paths: string[], options: ConformanceOptions) => (await import('../conformance/run.js')).runConformance(paths, options));
}
