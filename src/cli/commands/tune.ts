import { Command, Option } from 'commander';
import { PRECISIONS } from '../../model/precision.js';
import { PRESETS } from '../../model/presets.js';
import { adapterOption, oneOf, statisticsOption, subgroupMatrixOption, verboseOption, wholeNumber } from '../options.js';
import type { TuneCommandOptions } from '../tune/run.js';

const EXAMPLES = `
The preset's training step is traced, and every choice between kernel variants in it is measured with synthetic data
of its sizes: all candidates in turns, each compared with the base variant first. The rule's variant stays unless
another one is faster by more than the noise. Winners are stored for this adapter and used by "zygo train" from then
on; problems that are stored already are not measured again. docs/tuning.md says more.

Exit codes: 0 done, 1 a variant gave wrong results or the winners cannot be stored, 2 something given cannot be used.

Examples:
  zygo tune --preset tiny
  zygo tune --preset small --filter attention --json tune.json
  zygo tune --preset tiny --precision mixed      what "zygo train --precision mixed" chooses
  zygo tune --preset tiny --retune               measure everything again`;

/** `zygo tune`: measures kernel variants on this machine's adapter. */
export function tuneCommand(): Command {
  return new Command('tune')
    .description("Measure which kernel variants are fastest on this machine's adapter for a preset's training step, and remember them.")
    .option('--preset <name>', `whose training step: ${Object.keys(PRESETS).join(', ')}`, 'tiny')
    .option('--batch <faces>', "faces per step (default: the preset's)", wholeNumber('--batch', 2, 4096))
    .addOption(
      new Option('--precision <name>', "of the steps, as in zygo train: mixed has products of f16, and problems that f32 has not")
        .argParser(oneOf('--precision', PRECISIONS))
        .default('f32'),
    )
    .addOption(statisticsOption())
    .option('--filter <text>', 'only problems whose family or sizes hold this text, or one of several with | between them')
    .option('--retune', 'measure problems again that are stored already', false)
    .option('--json <file>', 'also write every time, with its spread, into this file')
    .addOption(subgroupMatrixOption())
    .addOption(adapterOption())
    .addOption(verboseOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: TuneCommandOptions) => (await import('../tune/run.js')).runTune(options));
}
