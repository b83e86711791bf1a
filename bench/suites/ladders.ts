/** The ladders of the suite `kernels`: one at least for every family that the engine chooses from. */
import { VARIANT_FAMILIES } from '../../src/kernels/variants.js';
import type { Preset } from '../../src/model/presets.js';
import type { Group } from '../harness/subject.js';
import { columnFinishCase, columnSumCase } from './columns.js';
import { largestThatFits, type Stage, type SuiteContext } from './context.js';
import { halfLinearCase, halfProductCase } from './half.js';
import { ladder, plainRung, rungOf, type Rung } from './ladder.js';
import { batchNormCase, marginalsCase } from './losses.js';
import { addCase, attentionCase, l2NormalizeCase, layerNormCase, linearCase, productCase, regionPoolCase, softmaxCase, weightGradientCase } from './ops.js';
import { feasible, sinkhornCase } from './sinkhorn.js';
import { imagesCase } from './views.js';

/** A stage of a preset with the images that it is measured with, and the views of its heads. */
export interface Place {
  readonly preset: Preset;
  readonly stage: Stage;
  readonly batch: number;
  /** Null where the device takes too long for them. */
  readonly views: number | null;
}

/** Squares for the ladder of matrix products; the naive kernel must run them too. */
const SQUARES = [4096, 2048, 1024, 512, 256];
/** Shares of a sum over rows: what a GPU cuts the longest ones of a step into. */
const SHARES = 1024;

function squares(context: SuiteContext): number[] {
  return SQUARES.filter((size) => largestThatFits(context, `matmul ${size}³`, [size], (n) => ({ flops: 2 * n ** 3, bytes: 12 * n * n })) !== null);
}

/** Transport problems whose sizes different variants are made for. */
const TRANSPORTS = [{ batch: 64, n: 12, iterations: 50 }, { batch: 16, n: 64, iterations: 20 }];
const LARGE_TRANSPORTS = [{ batch: 1, n: 256, iterations: 20 }];

/** Families on problems that are no stage's. */
const APART: Readonly<Record<string, (context: SuiteContext) => Rung[]>> = {
  matmul: (context) => squares(context).map((size) => rungOf(productCase(size, size, size), 'forward')),
  'matmul-f16': (context) => squares(context).map((size) => rungOf(halfProductCase(size), 'forward')),
  sinkhorn: (context) => feasible(context, TRANSPORTS).map((sizes) => rungOf(sinkhornCase(sizes, 'relation loss'), 'forward and backward')),
  'sinkhorn-tiles': (context) => feasible(context, LARGE_TRANSPORTS).map((sizes) => rungOf(sinkhornCase(sizes, 'large problems'), 'forward and backward')),
};

const both = (given: Parameters<typeof rungOf>[0]): Rung[] => [rungOf(given, 'forward'), rungOf(given, 'backward')];
const plain = { activation: 'none', residual: false } as const;

function pooling({ preset, stage: { model, size, channels, pooled }, batch }: Place, pass: 'forward' | 'backward'): Rung[] {
  return pooled ? [rungOf(regionPoolCase(model, batch, size, channels, preset.regions.actionUnits.length), pass)] : [];
}

/** Families on the shapes of a stage. */
const AT_STAGES: Readonly<Record<string, (place: Place) => Rung[]>> = {
  matmul: ({ stage: { model, size, channels, hidden }, batch }) => [
    rungOf(linearCase(model, batch * size * size, channels, hidden, { activation: 'gelu', residual: false }), 'forward'),
    rungOf(linearCase(model, batch * size * size, channels, 3 * channels, plain), 'backward'),
  ],
  'matmul-f16': ({ stage, batch }) => [rungOf(halfLinearCase(stage, batch), 'forward')],
  'matmul-splits': ({ stage: { model, size, channels }, batch }) => [rungOf(weightGradientCase(model, batch * size * size, channels, 3 * channels), 'forward')],
  'attention-forward': ({ stage, batch }) => [rungOf(attentionCase(stage.model, { batch, ...stage }), 'forward')],
  'attention-backward': ({ stage, batch }) => [rungOf(attentionCase(stage.model, { batch, ...stage }), 'backward')],
  'layer-norm': ({ stage: { model, size, channels }, batch }) => both(layerNormCase(model, batch * size * size, channels)),
  'region-pool': (place) => pooling(place, 'forward'),
  'region-pool-backward': (place) => pooling(place, 'backward'),
  'region-pool-maps': (place) => pooling(place, 'backward'),
  items: ({ stage: { model, size, channels }, batch }) => [rungOf(addCase(model, batch * size * size, channels), 'forward')],
};

/** Families on shapes that a preset has once, given at its first stage. */
const ONCE: Readonly<Record<string, (place: Place) => Rung[]>> = {
  softmax: ({ stage: { model, size, heads, windowSize }, batch }) => both(softmaxCase(model, batch * size * size * heads, windowSize ** 2)),
  'column-shares': ({ stage: { model, size, channels }, batch }) => [plainRung(columnSumCase(model, batch * size * size, channels))],
  'column-finish': ({ stage: { model, channels } }) => [plainRung(columnFinishCase(model, SHARES, channels))],
  rows: ({ preset, views }) => (views === null ? [] : both(l2NormalizeCase(preset.name, views * preset.regions.actionUnits.length, preset.heads.projectionDim))),
  'batch-norm': ({ preset, views }) => (views === null ? [] : both(batchNormCase(preset.name, views, preset.regions.actionUnits.length * preset.heads.hiddenDim))),
  'relation-marginals': ({ preset, views }) => (views === null ? [] : [plainRung(marginalsCase(preset, views))]),
  'augment-images': ({ preset, views }) => (views === null ? [] : [plainRung(imagesCase(preset, views / 2))]),
};

/** The ladders of all families, in the order of their list. */
export function ladders(context: SuiteContext, places: readonly Place[]): Group[] {
  return Object.keys(VARIANT_FAMILIES).flatMap((family) => {
    const rungs = [
      ...(APART[family]?.(context) ?? []),
      ...places.flatMap((place) => AT_STAGES[family]?.(place) ?? []),
      ...places.filter(({ stage }) => stage.stage === 0).flatMap((place) => ONCE[family]?.(place) ?? []),
    ];
    return rungs.map((rung) => ladder(context.engine, family, rung));
  });
}
