/** The suites of single kernels: every kernel over the presets' shapes, ladders, rivals, and the series of Sinkhorn. */
import { layOut } from '../../src/model/parameters.js';
import { PRESETS, type Preset } from '../../src/model/presets.js';
import { sslSpecs } from '../../src/model/ssl-model.js';
import type { Group } from '../harness/subject.js';
import { subjectOf, type OpCase } from './case.js';
import { blockCost, largestThatFits, stagesOf, type Stage, type SuiteContext } from './context.js';
import { ladder } from './ladder.js';
import { headCases, relationGroups } from './losses.js';
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
  halfProductCase,
  productCase,
  weightGradientCase,
  regionPoolCase,
  softmaxCase,
} from './ops.js';
import { optimizerGroups } from './optimizer.js';
import { attentionRivals, blockRivals } from './rivals.js';
import { sinkhornCase, sinkhornRivals, transportCost, type TransportSizes } from './sinkhorn.js';
import { viewGroups } from './views.js';

/** Images of a step, largest first: both views of the tiny preset's batch, and what a GPU does well with at 224 pixels. */
const BATCHES: Readonly<Record<string, readonly number[]>> = { tiny: [64, 16, 4], 'swin-t': [16, 8, 4, 2, 1] };

/** Statistics over a batch need rows: two views of two faces. */
const FEWEST_VIEWS = 4;

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
function stageCases({ backbone, regions }: Preset, stage: Stage, batch: number): OpCase[] {
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
    ...(stage.stage + 1 < backbone.depths.length ? [patchMergeCase(model, batch, size, channels)] : []),
    ...(pooled ? [regionPoolCase(model, batch, size, channels, regions.actionUnits.length)] : []),
    // Once per preset, at the first stage's size: ops that the model uses elsewhere or inside other kernels.
    ...(stage.stage === 0
      ? [
          addCase(model, tokens, channels),
          geluCase(model, tokens, channels),
          softmaxCase(model, windows * heads * windowSize ** 2, windowSize ** 2),
          l2NormalizeCase(model, batch * regions.actionUnits.length, 2 * channels),
        ]
      : []),
    ...(stage.stage + 1 === backbone.depths.length ? [meanPoolCase(model, batch, size * size, channels)] : []),
  ];
}

/** What is around the backbone: losses, heads' normalisation, views and their maps. */
function headGroups(context: SuiteContext, preset: Preset): Group[] {
  const { backbone, heads, regions, name } = preset;
  const views = largestThatFits(context, `${name} losses and views, images`, BATCHES[name].filter((images) => images >= FEWEST_VIEWS), (images) => ({
    flops: images * (200 * backbone.imageSize ** 2 + 10 * regions.actionUnits.length * heads.hiddenDim),
    bytes: 4 * images * (3 * backbone.imageSize ** 2 + 4 * regions.actionUnits.length * heads.hiddenDim),
  }));
  if (views === null) return [];
  return [...headCases(preset, views).flatMap(bothPasses), ...relationGroups(preset, views), ...viewGroups(preset, views / 2)];
}

function modelGroups(context: SuiteContext, preset: Preset): Group[] {
  const groups = stagesOf(preset).flatMap((stage) => {
    const batch = batchOf(context, stage);
    return batch === null ? [] : stageCases(preset, stage, batch).flatMap(bothPasses);
  });
  const { backbone, name } = preset;
  if (backbone.stem === 'convolution') {
    const half = backbone.embedDim / 2;
    const batch = largestThatFits(context, `${name} stem, images`, BATCHES[name], (images) => ({
      flops: 2 * images * (backbone.imageSize / 4) ** 2 * 9 * half * backbone.embedDim,
      bytes: 4 * images * (backbone.imageSize / 2) ** 2 * 2 * 28,
    }));
    if (batch !== null) {
      groups.push(...bothPasses(convolutionCase(name, batch, backbone.imageSize, 3, half, 'gelu')));
      groups.push(...bothPasses(convolutionCase(name, batch, backbone.imageSize / 2, half, backbone.embedDim, 'none')));
    }
  }
  groups.push(...headGroups(context, preset));
  const parameters = layOut(sslSpecs(preset)).size;
  const size = largestThatFits(context, `${name} optimiser, parameters`, [parameters, 2 ** 20], (count) => ({ flops: 14 * count, bytes: 16 * count }));
  if (size !== null) groups.push(...optimizerGroups(name, size));
  return groups;
}

/** Squares for the ladder of matrix products; the naive kernel must run them too. */
const SQUARES = [2048, 1024, 512, 256];

function ladders(context: SuiteContext, stages: readonly Stage[]): Group[] {
  const { engine } = context;
  const squares = SQUARES.filter((size) => largestThatFits(context, `matmul ${size}³`, [size], (n) => ({ flops: 2 * n ** 3, bytes: 12 * n * n })) !== null);
  return [
    ...squares.flatMap((size) => ladder(engine, productCase(size, size, size), 'forward', 'matmul')),
    ...squares.flatMap((size) => ladder(engine, halfProductCase(size), 'forward', 'matmul-f16')),
    ...stages.flatMap((stage) => {
      const batch = batchOf(context, stage);
      if (batch === null) return [];
      const { model, size, channels, hidden } = stage;
      const tokens = batch * size * size;
      const attention = attentionCase(model, { batch, ...stage });
      return [
        ...ladder(engine, linearCase(model, tokens, channels, hidden, { activation: 'gelu', residual: false }), 'forward', 'matmul'),
        ...ladder(engine, weightGradientCase(model, tokens, channels, 3 * channels), 'forward', 'matmul-splits'),
        ...ladder(engine, attention, 'forward', 'attention-forward'),
        ...ladder(engine, attention, 'backward', 'attention-backward'),
        ...ladder(engine, layerNormCase(model, tokens, channels), 'forward', 'layer-norm'),
        ...ladder(engine, addCase(model, tokens, channels), 'forward', 'items'),
        ...(stage.pooled ? ladder(engine, regionPoolCase(model, batch, size, channels, 12), 'forward', 'region-pool') : []),
      ];
    }),
    ...ladder(engine, sinkhornCase({ batch: 64, n: 12, iterations: 50 }, 'relation loss'), 'forward and backward', 'sinkhorn'),
  ];
}

/** The given sizes without those that take too long. */
function feasible(context: SuiteContext, sizes: readonly TransportSizes[]): TransportSizes[] {
  return sizes.filter((given) => largestThatFits(context, `Sinkhorn ${given.n} x ${given.n}, problems`, [given.batch], (batch) => transportCost({ ...given, batch })) !== null);
}

const RIVAL_BATCHES = [64, 512, 4096, 32768];

/** One row per value of a variable, for a fitted exponent. */
function transportSeries(context: SuiteContext, name: string, variable: 'n' | 'iterations', sizes: readonly TransportSizes[]): Group[] {
  return feasible(context, sizes).map((given) => ({
    name: `${name}: ${variable} = ${given[variable]}`,
    subjects: [subjectOf(sinkhornCase(given, 'series'), { section: 'series', pass: 'forward and backward', series: { name, variable, value: given[variable] } })],
  }));
}

function transportGroups(context: SuiteContext): Group[] {
  return [
    ...feasible(context, RIVAL_BATCHES.map((batch) => ({ batch, n: 12, iterations: 50 }))).flatMap(sinkhornRivals),
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
    ...ladders(context, presets.flatMap((preset) => stagesOf(preset).slice(0, 1))),
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
    ...ladder(context.engine, productCase(256, 256, 256), 'forward', 'matmul'),
    ...attentionRivals(second, batch),
    ...sinkhornRivals({ batch: 64, n: 12, iterations: 50 }),
    ...bothPasses(layerNormCase(stage.model, tokens, stage.channels)),
    ...bothPasses(linearCase(stage.model, tokens, stage.channels, stage.hidden, { activation: 'gelu', residual: false })),
    ...bothPasses(regionPoolCase(second.model, batch, second.size, second.channels, preset.regions.actionUnits.length)),
    ...optimizerGroups(preset.name, layOut(sslSpecs(preset)).size),
  ];
}
