/**
 * One self-supervised training step as a captured list of launches: augment, attention maps, target forward,
 * online forward, losses, backward, clip, AdamW, running averages. Only a few scalars are written per step.
 */
import type { CapturedStep, Engine, Tensor } from '../engine/index.js';
import { augmentImages, augmentationParameters } from '../kernels/augment/index.js';
import { scale as scaled } from '../kernels/elementwise/index.js';
import { gatherSmall, SMALL_STRIDE } from '../kernels/layout/index.js';
import { featureSpread, planEntropy, priorUpdate, type FeatureSpread } from '../kernels/loss/index.js';
import { matmul } from '../kernels/matmul/index.js';
import { l2Normalize } from '../kernels/normalization/index.js';
import { adamw, LOSS_SCALE_STATE } from '../kernels/optimizer/index.js';
import { auMaps } from '../kernels/regions/index.js';
import { StochasticDepth } from './backbone/stochastic-depth.js';
import { imagePieces } from './backbone/swin.js';
import type { DeviceDataset } from './device-dataset.js';
import { contrastTerm, globalTerm, regionTerm, relationTerm, relativeToPerson, swapViews, type Term, type Transport } from './objective.js';
import { stepParameters } from './mixed-parameters.js';
import { captureWhole, MicroBatchedStep, type MicroBatch, type StepParts } from './micro-batches.js';
import { gradientFactor, lossSeeds } from './precision.js';
import { stageSize, type ObjectiveConfig, type Preset } from './presets.js';
import type { SslModel } from './ssl-model.js';

/** Tensors that the CPU writes before each step; indices and key before each micro-batch. */
export interface StepInputs {
  /** u32 [B]: which faces, B of a micro-batch. */
  readonly indices: Tensor;
  /** u32 [2]: seed and number of the micro-batch, counted over all steps: the key of every random number. */
  readonly key: Tensor;
  /** f32 [8]: learning rate, betas, epsilon, weight decay, bias corrections, step (see optimizer/adamw.wgsl). */
  readonly hyper: Tensor;
  /** f32 [1]: decay of the target network. */
  readonly targetDecay: Tensor;
}

/** What a captured step leaves on the device for the CPU to read; overwritten by the next one. */
export interface StepOutputs {
  /** The loss terms that are computed. */
  readonly terms: readonly Term['name'][];
  /**
   * Where each term and each monitor (gradientNorm, featureStd, planEntropy; in mixed precision lossScale, overflows and
   * outcome, after this step) stands in `scalars`.
   */
  readonly places: Readonly<Record<string, number>>;
  /** f32: small tensors, one every 256 bytes. */
  readonly scalars: Tensor;
  /** [D, D]: sum of z zᵀ over the normalised projections z, and [D, 2]: their means and variances, for the effective rank. */
  readonly secondMoment: Tensor;
  readonly moments: Tensor;
  /** The step's transport, or null when the relation loss is off. */
  readonly transport: Transport | null;
}

/** Attention maps of a batch for every pooled stage, [V*B, R, h, w] each. */
export function attentionMaps(engine: Engine, data: DeviceDataset, preset: Preset, indices: Tensor, geometry: Tensor): Tensor[] {
  const { backbone, regions } = preset;
  return backbone.poolStages.map((stage) => {
    const size = stageSize(backbone, stage);
    return auMaps(engine, data.centres, indices, geometry, {
      height: size,
      width: size,
      sizeOut: backbone.imageSize,
      sourceSize: data.imageSize,
      kind: regions.kind,
      radius: regions.radius,
    });
  });
}

/** The step's stochastic depth for a number of images, or null where the preset has none. */
export function stochasticDepthOf(engine: Engine, { backbone, stochasticDepth }: Preset, stepKey: Tensor, images: number): StochasticDepth | null {
  if (stochasticDepth === 0) return null;
  return new StochasticDepth(engine, stepKey, images, stochasticDepth, backbone.depths.reduce((sum, depth) => sum + depth, 0));
}

/** How a step is computed. */
export interface StepConfig {
  /** Faces of a micro-batch, each gives two views. */
  readonly batch: number;
  /** Frames of each person in a micro-batch, person fastest (see BatchOrder). */
  readonly groupSize: number;
  /** Micro-batches of a step; 1 when left out. */
  readonly accumulate?: number;
  /** See ForwardOptions. */
  readonly checkpointActivations?: boolean;
}

/** What a micro-batch shows besides its losses. */
interface Watched {
  readonly terms: readonly Term['name'][];
  readonly spread: FeatureSpread;
  readonly planEntropy: Tensor | null;
  readonly secondMoment: Tensor;
  readonly transport: Transport | null;
}

/** Traces forward and backward pass: online.gradients are overwritten with those of the mean over the micro-batches. */
function lossesAndGradients(
  engine: Engine,
  model: SslModel,
  data: DeviceDataset,
  inputs: StepInputs,
  { batch, groupSize, accumulate = 1, checkpointActivations = false }: StepConfig,
  objective: ObjectiveConfig,
): MicroBatch<Watched> {
  const { preset, online, target, precision, lossScale } = model;
  const usesRegions = objective.region > 0 || objective.contrast > 0 || objective.relation > 0;
  const { geometry, colour } = augmentationParameters(engine, {
    batch,
    views: 2,
    sizeIn: data.imageSize,
    sizeOut: preset.backbone.imageSize,
    stepKey: inputs.key,
    options: preset.augmentation,
  });
  const views = augmentImages(engine, data.images, inputs.indices, geometry, colour, { sizeOut: preset.backbone.imageSize });
  const image = imagePieces(engine, preset.backbone, views, precision);
  const masks = usesRegions ? attentionMaps(engine, data, preset, inputs.indices, geometry) : null;
  const wanted = model.project(stepParameters(engine, target, precision), image, masks);
  const groups = engine.tensor(Int32Array.from({ length: 2 * batch }, (_, row) => row % batch), [2 * batch]);

  const terms: Term[] = [];
  let transport: Transport | null = null;
  let projected = wanted;
  engine.withTape((tape) => {
    const parameters = stepParameters(engine, online, precision);
    projected = model.project(parameters, image, masks, { checkpointActivations, stochasticDepth: stochasticDepthOf(engine, preset, inputs.key, 2 * batch) });
    const predicted = model.predict(parameters, projected);
    if (objective.global > 0) terms.push(globalTerm(engine, predicted.global, swapViews(engine, wanted.global), objective));
    if (predicted.regions && wanted.regions) {
      // All three region losses look at how a frame differs from its person's other frames: with the person left in,
      // the region and relation losses pulled the features towards who it is, against the contrast.
      const mine = relativeToPerson(engine, predicted.regions, groupSize);
      const other = relativeToPerson(engine, swapViews(engine, wanted.regions), groupSize);
      const compared = objective.contrast > 0 || objective.relation > 0 ? [mine, other].map((x) => l2Normalize(engine, x)) : [];
      if (objective.region > 0) terms.push(regionTerm(engine, mine, other, objective));
      if (objective.contrast > 0) terms.push(contrastTerm(engine, compared[0], compared[1], groups, objective));
      if (objective.relation > 0) {
        const relation = relationTerm(engine, compared[0], compared[1], model.prior, objective);
        terms.push(relation.term);
        transport = relation.transport;
      }
    }
    const seeds = lossSeeds(engine, terms.map(({ weight }) => weight / accumulate), lossScale);
    tape.backward(terms.map(({ value }, index) => [value, seeds[index]]));
  });

  const solved = transport as Transport | null;
  const features = l2Normalize(engine, projected.regions ?? projected.global);
  const dim = features.shape[features.shape.length - 1];
  const rows = engine.reshape(features, [features.size / dim, dim]);
  return {
    totals: [online.gradients as Tensor, ...terms.map(({ value }) => value), ...(solved ? [solved.plan] : [])],
    rest: {
      terms: terms.map(({ name }) => name),
      spread: featureSpread(engine, rows),
      planEntropy: solved && planEntropy(engine, solved.plan),
      secondMoment: matmul(engine, rows, rows, { transposeA: true }),
      transport: solved,
    },
  };
}

/** Traces clip, AdamW and the running averages, and gathers what is logged. */
function updateModel(
  engine: Engine,
  model: SslModel,
  inputs: StepInputs,
  { accumulate = 1 }: StepConfig,
  objective: ObjectiveConfig,
  [gradients, ...totals]: readonly Tensor[],
  watched: Watched,
): StepOutputs {
  const { preset, online, target, layout, lossScale } = model;
  const scale = gradientFactor(engine, gradients, preset.optimizer.clip, inputs.hyper, lossScale);
  adamw(engine, { params: online.values, gradients, m: model.firstMoment, v: model.secondMoment, hyper: inputs.hyper, decayEnd: layout.decayEnd, scale, average: { target: target.values, decay: inputs.targetDecay } });
  const losses = totals.slice(0, watched.terms.length);
  const plans = totals.at(watched.terms.length);
  if (plans && objective.priorDecay < 1) priorUpdate(engine, model.prior, plans, objective.priorDecay, { scale });

  // What is watched: a small tensor, and at which of its elements each name is found.
  const monitors: readonly (readonly [tensor: Tensor, names: Readonly<Record<string, number>>])[] = [
    ...losses.map((sum, index) => [accumulate === 1 ? sum : scaled(engine, sum, 1 / accumulate), { [watched.terms[index]]: 0 }] as const),
    [scale, { gradientNorm: 1 }],
    [watched.spread.std, { featureStd: 0 }],
    ...(watched.planEntropy ? [[watched.planEntropy, { planEntropy: 0 }] as const] : []),
    ...(lossScale ? [[lossScale.state, { lossScale: LOSS_SCALE_STATE.scale, overflows: LOSS_SCALE_STATE.overflows, outcome: LOSS_SCALE_STATE.outcome }] as const] : []),
  ];
  const places = Object.fromEntries(
    monitors.flatMap(([, names], index) => Object.entries(names).map(([name, element]) => [name, index * SMALL_STRIDE + element])),
  );
  const { terms, secondMoment, spread, transport } = watched;
  return { terms, places, scalars: gatherSmall(engine, monitors.map(([tensor]) => tensor)), secondMoment, moments: spread.moments, transport };
}

/** The two parts of a training step. Terms of weight 0 are not computed at all. */
function trainingStepParts(engine: Engine, model: SslModel, data: DeviceDataset, inputs: StepInputs, config: StepConfig, objective: ObjectiveConfig): StepParts<Watched, StepOutputs> {
  return {
    micro: () => lossesAndGradients(engine, model, data, inputs, config, objective),
    update: (totals, watched) => updateModel(engine, model, inputs, config, objective, totals, watched),
  };
}

/** Traces a step of a single micro-batch. */
export function captureTrainingStep(
  engine: Engine,
  model: SslModel,
  data: DeviceDataset,
  inputs: StepInputs,
  config: Omit<StepConfig, 'accumulate'>,
  objective: ObjectiveConfig,
): CapturedStep<StepOutputs> {
  return captureWhole(engine, 'training step', trainingStepParts(engine, model, data, inputs, config, objective));
}

/**
 * Traces a step of any number of micro-batches; losses are means over them, monitors are the last one's. Call `prepare()`
 * on the result before the first run.
 */
export function captureMicroBatchedStep(
  engine: Engine,
  model: SslModel,
  data: DeviceDataset,
  inputs: StepInputs,
  config: StepConfig,
  objective: ObjectiveConfig,
): MicroBatchedStep<StepOutputs> {
  return MicroBatchedStep.capture(engine, 'training step', trainingStepParts(engine, model, data, inputs, config, objective), config.accumulate ?? 1);
}
