/** What `zygo eval` does. */
import { z } from 'zod';
import { KNOWN_AUS } from '../../data/action-units.js';
import { alwaysPositive, macroMean } from '../../data/metrics/f1.js';
import { InputError, type Engine } from '../../engine/index.js';
import { restoreTraining, type TrainingSnapshot } from '../../model/checkpoint/training-state.js';
import { evaluateFeatures } from '../../model/evaluation.js';
import { extractFeatures } from '../../model/features.js';
import { checkBackbone, presetNamed, type Preset } from '../../model/presets.js';
import { SslModel } from '../../model/ssl-model.js';
import { renderF1Table } from '../../report/table.js';
import { openDevice } from '../device.js';
import { Progress } from '../progress.js';
import { folderData, syntheticData } from '../train/data.js';
import { choicesOfRun, readCheckpoint } from '../train/resume.js';
import { datasetInWords, scoresOf } from '../train/results.js';
import { resolveSettings, type TrainOptions } from '../train/settings.js';
import { useChoices } from '../tune/stored.js';

/** Options of `zygo eval`, as read. */
export interface EvalOptions extends Pick<TrainOptions, 'data' | 'seed' | 'statistics' | 'budget' | 'faces' | 'adapter' | 'verbose'> {
  readonly json: boolean;
}

const architectureSchema = z.object({
  backbone: z.object({
    imageSize: z.number(),
    stem: z.enum(['convolution', 'patch']),
    embedDim: z.number(),
    depths: z.array(z.number()),
    heads: z.array(z.number()),
    windowSize: z.number(),
    mlpRatio: z.number(),
    poolStages: z.array(z.number()),
    initialStd: z.union([z.number(), z.literal('fan-in')]),
  }),
  heads: z.object({ hiddenDim: z.number(), projectionDim: z.number() }),
  regions: z.array(z.literal(KNOWN_AUS)),
});

/**
 * The preset that a checkpoint was trained with, as far as shapes go.
 * @throws {InputError} when its preset or architecture is not one that this version knows
 */
function presetOf({ preset: name, architecture }: TrainingSnapshot, file: string): Preset {
  const named = presetNamed(name);
  let parsed: z.infer<typeof architectureSchema>;
  try {
    parsed = architectureSchema.parse(JSON.parse(architecture));
  } catch (cause) {
    throw new InputError(`The checkpoint ${file} describes an architecture that this version does not know: ${architecture}.`, { cause });
  }
  const { backbone, heads, regions } = parsed;
  checkBackbone(backbone);
  const faceSize = Math.round((named.faceSize * backbone.imageSize) / named.backbone.imageSize);
  return { ...named, backbone, heads, regions: { ...named.regions, actionUnits: regions }, faceSize };
}

/**
 * Runs `zygo eval`.
 * @param given names of the options that were given on the command line
 * @throws {InputError} for a checkpoint or folder that cannot be used
 */
export async function runEvaluation(file: string, options: EvalOptions, given: ReadonlySet<string>): Promise<void> {
  const start = performance.now();
  const snapshot = await readCheckpoint(file);
  const preset = presetOf(snapshot, file);
  // With the run's own kernels its features come out with the same bits.
  const choices = await choicesOfRun(file);
  const resolved = resolveSettings({ ...options, preset: preset.name, globalOnly: false, supervised: false, checkpointEvery: 1 }, given);
  const settings = { ...resolved, preset };
  // With --json nothing else goes to stdout.
  const progress = new Progress(options.json ? process.stderr : process.stdout);
  let engine: Engine | null = null;
  try {
    const { source, seed } = settings;
    const fromFolder = source.kind === 'folder' ? await folderData(source.folder, settings, progress) : null;
    engine = await openDevice(settings.adapter, (line) => progress.say(line));
    await useChoices(engine, { wanted: true, earlier: choices, say: (line) => progress.say(line) });
    const data = fromFolder ?? (await syntheticData(engine, options.statistics, settings, progress));
    const { training, test } = data;
    const evaluation = await engine.scope(async () => {
      const device = engine as Engine;
      const model = new SslModel(device, preset, seed);
      restoreTraining(device, model, snapshot);
      // Features may be pooled for other AUs than those trained on: the encoder does not depend on which.
      const probed = { ...preset, regions: { ...preset.regions, actionUnits: training.actionUnits } };
      const features = [];
      for (const [title, faces] of [['Features of fitting faces', training], ['Features of test faces', test]] as const) {
        progress.begin(title, faces.count, { unit: 'faces' });
        features.push(await extractFeatures(device, probed, model.online, faces, (done) => progress.update(done)));
      }
      progress.end();
      return evaluateFeatures({ data: training, features: features[0] }, { data: test, features: features[1] }, seed);
    });
    const positive = alwaysPositive(test.labels, test.actionUnits.length);
    const { vendor, architecture, device, description, software } = engine.info;
    const summary = {
      title: `Checkpoint ${file}, step ${snapshot.step}`,
      adapter: { vendor, architecture, device, description, software },
      seed,
      preset: preset.name,
      date: new Date().toISOString(),
      dataset: datasetInWords(data),
      actionUnits: test.actionUnits,
      prevalence: evaluation.allLabels.perAu.map(({ prevalence }) => prevalence),
      scores: { model: scoresOf(evaluation), alwaysPositive: { perAu: positive, macro: macroMean(positive) } },
      wallSeconds: (performance.now() - start) / 1000,
      samplesPerSecond: 0,
      steps: snapshot.step,
      budgetNote: `probe of step ${snapshot.step}`,
    };
    if (options.json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    else progress.say(`\n${summary.title}: F1 on ${test.count} faces of people that the probes have not seen:\n\n${renderF1Table(summary)}`);
  } finally {
    progress.end();
    engine?.destroy();
  }
}
