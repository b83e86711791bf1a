/** The self-supervised model: an online network, its running average as target, and what training keeps beside them. */
import type { Engine, Tensor } from '../engine/index.js';
import { initialLossScale } from '../kernels/optimizer/index.js';
import type { ForwardOptions, ImagePieces } from './backbone/swin.js';
import { Encoder } from './encoder.js';
import { head, headSpecs } from './heads.js';
import { layOut, makeParameters, type ArenaLayout, type ParameterLookup, type Parameters, type ParameterSpec } from './parameters.js';
import type { LossScale, Precision } from './precision.js';
import { checkBackbone, globalFeatureDim, regionFeatureDim, type Preset } from './presets.js';

/** Parameters of the whole model: backbone, then projectors and predictors for the global and region features. */
export function sslSpecs({ backbone, heads, regions }: Preset): ParameterSpec[] {
  const { hiddenDim, projectionDim } = heads;
  const features = { global: globalFeatureDim(backbone), region: regionFeatureDim(backbone) };
  const groups = { global: 1, region: regions.actionUnits.length };
  return [
    ...Encoder.specs(backbone),
    ...(['global', 'region'] as const).flatMap((scope) => [
      ...headSpecs(`${scope}.projector`, features[scope], hiddenDim, projectionDim, groups[scope]),
      ...headSpecs(`${scope}.predictor`, projectionDim, hiddenDim, projectionDim, groups[scope]),
    ]),
  ];
}

/** Projections (and predictions) of one network for a batch; region entries are null without attention maps. */
export interface NetworkOutput {
  readonly global: Tensor;
  readonly regions: Tensor | null;
}

/**
 * Everything on the device that self-supervised training changes: both networks, the optimiser's moments, the relation prior
 * and the loss scale. Its tensors belong to the scope that it is made in; a snapshot (checkpoint/training-state.ts) holds
 * all of them.
 */
export class SslModel {
  /** Common to both networks' arenas, the gradients and the moments. */
  readonly layout: ArenaLayout;
  /** The network that is trained by gradient, and probed. */
  readonly online: Parameters;
  /** Running average of the online network (its predictors are carried along, unused). */
  readonly target: Parameters;
  /** AdamW's first and second moments, arenas of the parameters' layout. */
  readonly firstMoment: Tensor;
  readonly secondMoment: Tensor;
  /** [R, R]: learned without labels as a running average of the transport plans. */
  readonly prior: Tensor;
  /** Of mixed precision; null in f32. */
  readonly lossScale: LossScale | null;

  /** @throws {InputError} when the preset's numbers do not fit together. */
  constructor(
    private readonly engine: Engine,
    readonly preset: Preset,
    seed: number,
    readonly precision: Precision = 'f32',
  ) {
    checkBackbone(preset.backbone);
    this.layout = layOut(sslSpecs(preset));
    this.online = makeParameters(engine, this.layout, seed, true);
    this.target = makeParameters(engine, this.layout, seed, false);
    this.firstMoment = engine.zeros([this.layout.size], 'f32', 'first moment');
    this.secondMoment = engine.zeros([this.layout.size], 'f32', 'second moment');
    const regions = preset.regions.actionUnits.length;
    this.prior = engine.tensor(new Float32Array(regions * regions).fill(1 / (regions * regions)), [regions, regions]);
    this.lossScale = precision === 'mixed' ? { state: initialLossScale(engine, preset.lossScale), options: preset.lossScale } : null;
  }

  /** Projections of a network; see `Encoder.forward`. */
  project(parameters: ParameterLookup, image: Tensor | ImagePieces, masks: readonly Tensor[] | null, options: ForwardOptions = {}): NetworkOutput {
    const { engine, preset } = this;
    const { global, regions } = new Encoder(engine, parameters, preset.backbone).forward(image, masks, options);
    return {
      global: head(engine, parameters, 'global.projector', global),
      regions: regions && head(engine, parameters, 'region.projector', regions),
    };
  }

  /** The online network's predictions of the target's projections, from its own projections. */
  predict(parameters: ParameterLookup, { global, regions }: NetworkOutput): NetworkOutput {
    return {
      global: head(this.engine, parameters, 'global.predictor', global),
      regions: regions && head(this.engine, parameters, 'region.predictor', regions),
    };
  }
}
