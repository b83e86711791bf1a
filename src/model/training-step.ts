/**
 * One self-supervised training step as a captured list of launches: augment, attention maps, target forward,
 * online forward, losses, backward, clip, AdamW, running averages. Only a few scalars are written per step.
 */
import type { CapturedStep, Engine, Tensor } from '../engine/index.js';
import { augmentImages, augmentationParameters } from '../kernels/augment/index.js';
import { meanPool } from '../kernels/layout/index.js';
import { featureStd, planEntropy, priorUpdate } from '../kernels/loss/index.js';
import { matmul } from '../kernels/matmul/index.js';
import { l2Normalize } from '../kernels/normalization/index.js';
import { adamw, ema, LOSS_SCALE_STATE } from '../kernels/optimizer/index.js';
import { auMaps } from '../kernels/regions/index.js';
import type { DeviceDataset } from './device-dataset.js';
import { contrastTerm, globalTerm, regionTerm, relationTerm, relativeToPerson, swapViews, type Term, type Transport } from './objective.js';
import { stepParameters } from './mixed-parameters.js';
import { gradientFactor, lossSeeds } from './precision.js';
import { stageSize, type ObjectiveConfig, type Preset } from './presets.js';
import type { SslModel } from './ssl-model.js';

/** Tensors that the CPU writes before each step. */
export interface StepInputs {
  /** u32 [B]: which faces. */
  readonly indices: Tensor;
  /** u32 [2]: seed and step, the key of every random number. */
  readonly key: Tensor;
  /** f32 [8]: learning rate, betas, epsilon, weight decay, bias corrections, step (see optimizer/adamw.wgsl). */
  readonly hyper: Tensor;
  /** f32 [1]: decay of the target network. */
  readonly targetDecay: Tensor;
}

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
  /** [D, D] and [1, D]: second moment and mean of the normalised projections, for the effective rank. */
  readonly secondMoment: Tensor;
  readonly mean: Tensor;
  /** The step's transport, or null when the relation loss is off. */
  readonly transport: Transport | null;
}

/** Elements between two gathered tensors: views start at multiples of 256 bytes. */
const GATHER_STRIDE = 64;

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

/** Copies small tensors (up to 64 elements) into one, each at a multiple of 64 elements, so that one read brings them all. */
export function gather(engine: Engine, tensors: readonly Tensor[]): Tensor {
  const gathered = engine.zeros([tensors.length * GATHER_STRIDE]);
  tensors.forEach((tensor, index) => engine.copy(tensor, engine.view(gathered, index * GATHER_STRIDE, tensor.shape)));
  return gathered;
}

/**
 * Traces the step. Terms of weight 0 are not computed at all.
 * @param batch faces per step, each gives two views; `groupSize` frames of each person, person fastest (see BatchOrder)
 */
export function captureTrainingStep(
  engine: Engine,
  model: SslModel,
  data: DeviceDataset,
  inputs: StepInputs,
  { batch, groupSize }: { readonly batch: number; readonly groupSize: number },
  objective: ObjectiveConfig,
): CapturedStep<StepOutputs> {
  const { preset, online, target, layout, precision, lossScale } = model;
  const usesRegions = objective.region > 0 || objective.contrast > 0 || objective.relation > 0;
  return engine.capture('training step', () => {
    const { geometry, colour } = augmentationParameters(engine, {
      batch,
      views: 2,
      sizeIn: data.imageSize,
      sizeOut: preset.backbone.imageSize,
      stepKey: inputs.key,
      options: preset.augmentation,
    });
    const image = augmentImages(engine, data.images, inputs.indices, geometry, colour, { sizeOut: preset.backbone.imageSize });
    const masks = usesRegions ? attentionMaps(engine, data, preset, inputs.indices, geometry) : null;
    const wanted = model.project(stepParameters(engine, target, precision), image, masks);
    const groups = engine.tensor(Int32Array.from({ length: 2 * batch }, (_, row) => row % batch), [2 * batch]);

    const terms: Term[] = [];
    let transport: Transport | null = null;
    let projected = wanted;
    engine.withTape((tape) => {
      const parameters = stepParameters(engine, online, precision);
      projected = model.project(parameters, image, masks);
      const predicted = model.predict(parameters, projected);
      if (objective.global > 0) terms.push(globalTerm(engine, predicted.global, swapViews(engine, wanted.global), objective));
      if (predicted.regions && wanted.regions) {
        // All three region losses look at how a frame differs from its person's other frames: with the person left in,
        // the region and relation losses pulled the features towards who it is, against the contrast.
        const mine = relativeToPerson(engine, predicted.regions, groupSize);
        const other = relativeToPerson(engine, swapViews(engine, wanted.regions), groupSize);
        if (objective.region > 0) terms.push(regionTerm(engine, mine, other, objective));
        if (objective.contrast > 0) terms.push(contrastTerm(engine, mine, other, groups, objective));
        if (objective.relation > 0) {
          const relation = relationTerm(engine, mine, other, model.prior, objective);
          terms.push(relation.term);
          transport = relation.transport;
        }
      }
      const seeds = lossSeeds(engine, terms.map(({ weight }) => weight), lossScale);
      tape.backward(terms.map(({ value }, index) => [value, seeds[index]]));
    });

    const scale = gradientFactor(engine, online.gradients as Tensor, preset.optimizer.clip, inputs.hyper, lossScale);
    adamw(engine, {
      params: online.values,
      gradients: online.gradients as Tensor,
      m: model.firstMoment,
      v: model.secondMoment,
      hyper: inputs.hyper,
      decayEnd: layout.decayEnd,
      scale,
    });
    ema(engine, { target: target.values, online: online.values, hyper: inputs.targetDecay, scale });
    const solved = transport as Transport | null;
    if (solved && objective.priorDecay < 1) priorUpdate(engine, model.prior, solved.plan, objective.priorDecay, { scale });

    const watched = l2Normalize(engine, projected.regions ?? projected.global);
    const dim = watched.shape[watched.shape.length - 1];
    const rows = engine.reshape(watched, [watched.size / dim, dim]);
    // What is watched: a small tensor, and at which of its elements each name is found.
    const monitors: readonly (readonly [tensor: Tensor, names: Readonly<Record<string, number>>])[] = [
      ...terms.map(({ name, value }) => [value, { [name]: 0 }] as const),
      [scale, { gradientNorm: 1 }],
      [featureStd(engine, rows), { featureStd: 0 }],
      ...(solved ? [[planEntropy(engine, solved.plan), { planEntropy: 0 }] as const] : []),
      ...(lossScale ? [[lossScale.state, { lossScale: LOSS_SCALE_STATE.scale, overflows: LOSS_SCALE_STATE.overflows, outcome: LOSS_SCALE_STATE.outcome }] as const] : []),
    ];
    const places = Object.fromEntries(
      monitors.flatMap(([, names], index) => Object.entries(names).map(([name, element]) => [name, index * GATHER_STRIDE + element])),
    );
    return {
      terms: terms.map((term) => term.name),
      places,
      scalars: gather(engine, monitors.map(([tensor]) => tensor)),
      secondMoment: matmul(engine, rows, rows, { transposeA: true }),
      mean: meanPool(engine, engine.reshape(rows, [1, rows.shape[0], dim])),
      transport: solved,
    };
  });
}
