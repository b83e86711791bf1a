import { Command, Option } from 'commander';
import { PRECISIONS } from '../../model/precision.js';
import { PRESETS } from '../../model/presets.js';
import { adapterOption, lossWeights, oneOf, seedOption, statisticsOption, subgroupMatrixOption, verboseOption, wholeNumber } from '../options.js';
import type { TrainOptions } from '../train/settings.js';

const presetLines = Object.values(PRESETS).map(({ name, backbone, full, demo }) => {
  const budget = ({ steps, batch, faces }: typeof full) => `${steps} steps of ${batch}, ${faces} faces`;
  return `  ${name.padEnd(8)} ${backbone.imageSize} x ${backbone.imageSize} pixels; full: ${budget(full)}; demo: ${budget(demo)}`;
});

const EXAMPLES = `
Presets (every number stands in src/model/presets.ts):
${presetLines.join('\n')}

Files in the run folder:
  config.json              what was asked for, the preset and budget that followed from it, tuned kernel choices, versions
  metrics.jsonl            one line per step: loss, its terms, measures of collapse, learning rate, seconds, faces/s
  checkpoint.safetensors   the whole training state
  summary.json             F1 per AU and macro, of the model and of every baseline; adapter, seed, time, faces/s
  report.html              curves, bars, faces with their attention maps; opens without a network

Losses of --loss-weights: global, region, contrast, relation; 0 switches one off.

Examples:
  zygo train --preset tiny --budget demo                 minutes, even without a GPU
  zygo train --preset small --seed 3 --out runs/small-3
  zygo train --data my-faces --preset tiny --steps 2000  own faces; see "zygo faces --help" for the files
  zygo train --loss-weights region=0,relation=0          an ablation
  zygo train --resume runs/small-3/checkpoint.safetensors   goes on in the same folder, with the same options

Ctrl-C ends the run after the step, writes the checkpoint and says how to go on; a second Ctrl-C ends it at once.`;

/** `zygo train`: self-supervised training, probes and baselines, with a run folder. */
export function trainCommand(): Command {
  return new Command('train')
    .description(
      'Train without labels, then probe on people never seen in training, beside always-positive, random-init, ' +
        'global-only and supervised baselines.',
    )
    .option('--preset <name>', `size of everything: ${Object.keys(PRESETS).join(', ')}`, 'tiny')
    .option('--data <dir>', 'folder with labels.csv, landmarks.csv and images, divided 75/25 by person (default: synthetic faces)')
    .option('--out <dir>', 'run folder, new or empty (default: runs/<date-time>-<preset>-s<seed>)')
    .addOption(seedOption(1))
    .addOption(statisticsOption())
    .addOption(
      new Option('--budget <name>', "how much of the preset's budget: full, or demo for a first look")
        .argParser(oneOf('--budget', ['full', 'demo'] as const))
        .default('full'),
    )
    .option('--steps <number>', "self-supervised steps (default: the budget's); the other phases change in proportion", wholeNumber('--steps', 1))
    .option('--batch <faces>', "faces per step, two views of each (default: the budget's)", wholeNumber('--batch', 2, 4096))
    .option('--faces <number>', 'synthetic training faces; people and test faces change in proportion', wholeNumber('--faces', 20, 1_000_000))
    .option('--image-size <pixels>', "width of the network's input, a multiple of 4 x window (default: the preset's)", wholeNumber('--image-size', 1, 1024))
    .option('--loss-weights <list>', "weights of the losses, as in global=0.25,region=1 (default: the preset's)", lossWeights)
    .addOption(
      new Option('--precision <name>', 'f32, or mixed: f16 products and activations, f32 parameters and sums, dynamic loss scale')
        .argParser(oneOf('--precision', PRECISIONS))
        .default('f32'),
    )
    .option('--accumulate <parts>', 'compute each batch in this many parts, one after the other in the same memory', wholeNumber('--accumulate', 1, 4096))
    .option('--checkpoint-activations', "compute each block's activations again in the backward pass instead of keeping them: less memory, more work")
    .option('--no-global-only', 'leave out the global-only baseline')
    .option('--no-supervised', 'leave out the supervised upper line')
    .option('--checkpoint-every <steps>', 'steps between checkpoints', wholeNumber('--checkpoint-every', 1), 100)
    .option('--resume <checkpoint>', 'go on from a checkpoint; options that are not given are those of its config.json')
    .option('--no-tuned', 'leave the choice of kernels to the rules, also where zygo tune has measured them')
    .addOption(subgroupMatrixOption())
    .addOption(adapterOption())
    .addOption(verboseOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: TrainOptions, command: Command) => {
      const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === 'cli');
      await (await import('../train/run.js')).runTraining(options, new Set(given));
    });
}
