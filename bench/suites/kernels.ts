/** The suites of single kernels: every kernel over the presets' shapes, ladders, rivals, and the series of Sinkhorn. */
import { layOut } from '../../src/model/parameters.js';
import { patchSizeOf, PRESETS, stageChannels, type Preset } from '../../src/model/presets.js';
import { sslSpecs } from '../../src/model/ssl-model.js';
import type { Group } from '../harness/subject.js';
import { subjectOf, type OpCase } from './case.js';
import { columnSumCase } from './columns.js';
import { blockCost, largestThatFits, stagesOf, type Stage, type SuiteContext } from './context.js';
import { halfCases } from './half.js';
import { ladder, rungOf } from './ladder.js';
import { ladders, type Place } from './ladders.js';
import { mlpCase, stemCase } from './layers.js';
import { headCases, marginalsCase, priorUpdateCase } from './losses.js';
import { concatCase, gatherRowsCase, patchifyCase, stochasticResidualCase, transposeCase } from './moves.js';
import {
  addCase,
  attentionCase,
  convolutionCase,
  geluCase,
  l2NormalizeCase,
  layerNormCase,
  linearCase,
  meanPoolCase,
  patchMergeCase,
  productCase,
  regionPoolCase,
  softmaxCase,
} from './ops.js';
import { fusedOptimizerGroups, optimizerGroups } from './optimizer.js';
import { plainGroup } from './plain.js';
import { attentionRivals, blockRivals } from './rivals.js';
import { feasible, sinkhornCase, sinkhornRivals, type TransportSizes } from './sinkhorn.js';
import { viewCases } from './views.js';

/** Images of a step, largest first: both views of the tiny preset's batch, and what a GPU does well with at 224 pixels. */
const BATCHES: Readonly<Record<string, readonly number[]>> = { tiny: [64, 16, 4], 'swin-t': [16, 8, 4, 2, 1] };

/** Statistics over a batch need rows: two views of two faces. */
const FEWEST_VIEWS = 4;

/** The preset whose shapes the ops of mixed precision are timed at. */
const HALF_PRESET = 'swin-t';

/** A case as two rows. */
function bothPasses(given: OpCase): Group[] {
  return (['forward', 'backward'] as const).map((pass) => ({
    name: `${given.op} ${given.shape}, ${pass}`,
    subjects: [subjectOf(given, { section: 'kernels', pass })],
  }));
}

/** The batch of a stage that fits, or null. */
function batchOf(context: SuiteContext, stage: Stage): number | null {
  const what = `${stage.model} stage ${stage.stage + 1}, images`;
  return largestThatFits(context, what, BATCHES[stage.model], (batch) => blockCost(stage, batch));
}

/** The kernels of one stage. */
function stageCases({ name, backbone, regions, stochasticDepth }: Preset, stage: Stage, batch: number): OpCase[] {
  const { model, size, channels, heads, windowSize, hidden, shift, pooled } = stage;
  const tokens = batch * size * size;
  const windows = batch * Math.ceil(size / windowSize) ** 2;
  const plain = { activation: 'none', residual: false } as const;
  return [
    layerNormCase(model, tokens, channels),
    linearCase(model, tokens, channels, 3 * channels, plain),
    ...[0, ...(shift > 0 ? [shift] : [])].map((by) => attentionCase(model, { batch, size, heads, channels, windowSize, shift: by })),
    linearCase(model, tokens, channels, channels, { activation: 'none', residual: true }),
    linearCase(model, tokens, channels, hidden, { activation: 'gelu', residual: false }),
    linearCase(model, tokens, hidden, channels, { activation: 'none', residual: true }),
    mlpCase(model, { tokens, inputs: channels, hidden, outputs: channels }),
    ...(name === HALF_PRESET ? halfCases(stage, batch) : []),
    ...(stage.stage + 1 < backbone.depths.length ? [patchMergeCase(model, batch, size, channels)] : []),
    ...(pooled ? [regionPoolCase(model, batch, size, channels, regions.actionUnits.length)] : []),
    // Once per preset, at the first stage's size: ops that the model uses elsewhere or inside other kernels.
    ...(stage.stage === 0
      ? [
          addCase(model, tokens, channels),
          geluCase(model, tokens, channels),
          softmaxCase(model, windows * heads * windowSize ** 2, windowSize ** 2),
          l2NormalizeCase(model, batch * regions.actionUnits.length, 2 * channels),
          ...(stochasticDepth > 0 ? [stochasticResidualCase(model, [batch, size, size, channels], stochasticDepth)] : []),
        ]
      : []),
    ...(stage.stage + 1 === backbone.depths.length ? [meanPoolCase(model, batch, size * size, channels)] : []),
  ];
}

/** Views of a step's faces that fit, or null. */
function viewsOf(context: SuiteContext, { name, backbone, heads, regions }: Preset): number | null {
  return largestThatFits(context, `${name} losses and views, images`, BATCHES[name].filter((images) => images >= FEWEST_VIEWS), (images) => ({
    flops: images * (200 * backbone.imageSize ** 2 + 10 * regions.actionUnits.length * heads.hiddenDim),
    bytes: 4 * images * (3 * backbone.imageSize ** 2 + 4 * regions.actionUnits.length * heads.hiddenDim),
  }));
}

/** What is around the backbone: losses, heads' normalisation, features on their way, views and their maps. */
function headGroups(context: SuiteContext, preset: Preset): Group[] {
  const { backbone, heads, regions, name } = preset;
  const views = viewsOf(context, preset);
  if (views === null) return [];
  const units = regions.actionUnits.length;
  const moves = [
    concatCase(name, [views, units], backbone.poolStages.map((stage) => stageChannels(backbone, stage))),
    transposeCase(name, views, units, heads.projectionDim),
  ];
  const plain = [
    gatherRowsCase(name, views, units * heads.projectionDim),
    marginalsCase(preset, views),
    priorUpdateCase(preset, views),
    ...viewCases(preset, views / 2),
  ];
  return [...[...headCases(preset, views), ...moves].flatMap(bothPasses), ...plain.map(plainGroup)];
}

/** The first layers: what cuts an image up, and the product or the two convolutions behind it. */
function stemGroups(context: SuiteContext, { name, backbone }: Preset): Group[] {
  const { imageSize, embedDim } = backbone;
  const half = embedDim / 2;
  const patch = patchSizeOf(backbone);
  const convolutions = backbone.stem === 'convolution';
  const tokens = (imageSize / patch) ** 2;
  const batch = largestThatFits(context, `${name} stem, images`, BATCHES[name], (images) => ({
    flops: 2 * images * tokens * (convolutions ? 9 * half : 3 * patch ** 2) * embedDim,
    bytes: 4 * images * (convolutions ? (imageSize / 2) ** 2 * 2 * 28 : tokens * (3 * patch ** 2 + embedDim)),
  }));
  if (batch === null) return [];
  const cases = convolutions
    ? [stemCase(name, batch, imageSize, embedDim), convolutionCase(name, batch, imageSize, 3, half, 'gelu'), convolutionCase(name, batch, imageSize / 2, half, embedDim, 'none')]
    : [patchifyCase(name, batch, imageSize, patch), linearCase(name, batch * tokens, 3 * patch ** 2, embedDim, { activation: 'none', residual: false })];
  return cases.flatMap(bothPasses);
}

function modelGroups(context: SuiteContext, preset: Preset): Group[] {
  const groups = stagesOf(preset).flatMap((stage) => {
    const batch = batchOf(context, stage);
    if (batch === null) return [];
    const sums = stage.stage === 0 ? [columnSumCase(stage.model, batch * stage.size ** 2, stage.channels)] : [];
    return [...stageCases(preset, stage, batch).flatMap(bothPasses), ...sums.map(plainGroup)];
  });
  groups.push(...stemGroups(context, preset));
  groups.push(...headGroups(context, preset));
  const { name } = preset;
  const parameters = layOut(sslSpecs(preset)).size;
  const size = largestThatFits(context, `${name} optimiser, parameters`, [parameters, 2 ** 20], (count) => ({ flops: 14 * count, bytes: 16 * count }));
  if (size !== null) groups.push(...optimizerGroups(name, size), ...fusedOptimizerGroups(name, size));
  return groups;
}

/** Stages whose shapes the ladders are shown at: the first, and of `swin-t` the third, which has half of its blocks. */
const LADDER_STAGES: Readonly<Record<string, readonly number[]>> = { tiny: [0], 'swin-t': [0, 2] };

function ladderPlaces(context: SuiteContext, preset: Preset): Place[] {
  const views = viewsOf(context, preset);
  return stagesOf(preset).filter(({ stage }) => LADDER_STAGES[preset.name].includes(stage)).flatMap((stage) => {
    const batch = batchOf(context, stage);
    return batch === null ? [] : [{ preset, stage, batch, views }];
  });
}

const RIVAL_BATCHES = [64, 512, 4096, 32768];

/** One row per value of a variable, for a fitted exponent. */
function transportSeries(context: SuiteContext, name: string, variable: 'n' | 'iterations', sizes: readonly TransportSizes[]): Group[] {
  return feasible(context, sizes).map((given) => ({
    name: `${name}: ${variable} = ${given[variable]}`,
    subjects: [subjectOf(sinkhornCase(given, 'series'), { section: 'series', pass: 'forward and backward', series: { name, variable, value: given[variable] } })],
  }));
}

/** Few and quick, so they come before the other rivals. */
function transportRivals(context: SuiteContext): Group[] {
  return feasible(context, RIVAL_BATCHES.map((batch) => ({ batch, n: 12, iterations: 50 }))).flatMap(sinkhornRivals);
}

function transportGroups(context: SuiteContext): Group[] {
  return [
    ...feasible(context, [{ batch: 4, n: 256, iterations: 50 }, { batch: 1, n: 1024, iterations: 20 }]).flatMap((sizes) => bothPasses(sinkhornCase(sizes, 'large problems'))),
    ...transportSeries(context, 'Sinkhorn over n (64 problems, 20 iterations)', 'n', [4, 8, 16, 32, 64, 128].map((n) => ({ batch: 64, n, iterations: 20 }))),
    ...transportSeries(context, 'Sinkhorn over iterations (64 problems of 12 x 12)', 'iterations', [10, 20, 50, 100, 200].map((iterations) => ({ batch: 64, n: 12, iterations }))),
  ];
}

function rivalGroups(context: SuiteContext, preset: Preset): Group[] {
  return stagesOf(preset).flatMap((stage) => {
    const batch = batchOf(context, stage);
    if (batch === null) return [];
    const shifts = stage.shift > 0 ? [0, stage.shift] : [0];
    return shifts.map((shift) => ({ ...stage, shift })).flatMap((shape) => [...attentionRivals(shape, batch), ...blockRivals(shape, batch)]);
  });
}

/** `--suite kernels`. */
export function kernelSuite(context: SuiteContext): Group[] {
  const presets = [PRESETS.tiny, PRESETS['swin-t']];
  return [
    ...ladders(context, presets.flatMap((preset) => ladderPlaces(context, preset))),
    ...transportRivals(context),
    ...presets.flatMap((preset) => rivalGroups(context, preset)),
    ...transportGroups(context),
    ...presets.flatMap((preset) => modelGroups(context, preset)),
  ];
}

/** `--suite quick`: a few kernels of the tiny preset, one ladder, both rivals; about a minute. */
export function quickSuite(context: SuiteContext): Group[] {
  const preset = PRESETS.tiny;
  const [stage, second] = stagesOf(preset);
  const batch = 16;
  const tokens = batch * stage.size ** 2;
  return [
    ladder(context.engine, 'matmul', rungOf(productCase(256, 256, 256), 'forward')),
    ...attentionRivals(second, batch),
    ...sinkhornRivals({ batch: 64, n: 12, iterations: 50 }),
    ...bothPasses(layerNormCase(stage.model, tokens, stage.channels)),
    ...bothPasses(linearCase(stage.model, tokens, stage.channels, stage.hidden, { activation: 'gelu', residual: false })),
    ...bothPasses(regionPoolCase(second.model, batch, second.size, second.channels, preset.regions.actionUnits.length)),
    ...optimizerGroups(preset.name, layOut(sslSpecs(preset)).size),
  ];
}
