import { Command, Option } from 'commander';
import type { EvalOptions } from '../eval/run.js';
import { adapterOption, oneOf, seedOption, statisticsOption, verboseOption, wholeNumber } from '../options.js';

const EXAMPLES = `
The linear probes are fitted on the faces of some people and scored on others: a folder is divided 75/25 by person, and
synthetic faces are drawn with the checkpoint's preset, as in training. Seed and faces equal to those of the training
run give its figures again.

Examples:
  zygo eval runs/my-run/checkpoint.safetensors
  zygo eval runs/my-run/checkpoint.safetensors --data my-faces --seed 2
  zygo eval runs/my-run/checkpoint.safetensors --json > scores.json`;

/** `zygo eval`: linear probes on a checkpoint's features. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('Probe the features of a checkpoint: F1 per AU on people that the probes have not seen.')
    .argument('<checkpoint>', 'checkpoint.safetensors of a run')
    .option('--data <dir>', 'folder with labels.csv, landmarks.csv and images (default: synthetic faces)')
    .addOption(seedOption(1))
    .addOption(statisticsOption())
    .addOption(
      new Option('--budget <name>', "whose number of synthetic faces: the preset's full or demo budget")
        .argParser(oneOf('--budget', ['full', 'demo'] as const))
        .default('full'),
    )
    .option('--faces <number>', 'synthetic faces that the probes are fitted on; people and test faces change in proportion', wholeNumber('--faces', 20, 1_000_000))
    .option('--json', 'print the scores as JSON, and nothing else', false)
    .addOption(adapterOption())
    .addOption(verboseOption())
    .addHelpText('after', EXAMPLES)
    .action(async (checkpoint: string, options: EvalOptions, command: Command) => {
      const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === 'cli');
      await (await import('../eval/run.js')).runEvaluation(checkpoint, options, new Set(given));
    });
}
