/**
 * Swin as a classifier, as torchvision has it (torchvision.models.swin_transformer.SwinTransformer): the backbone,
 * a last norm, the mean over all tokens and a linear layer.
 */
import type { Engine, Tensor } from '../../engine/index.js';
import { meanPool } from '../../kernels/layout/index.js';
import { linear } from '../../kernels/matmul/index.js';
import { backboneSpecs, linearSpecs } from '../backbone/specs.js';
import { Swin } from '../backbone/swin.js';
import type { ParameterLookup, ParameterSpec } from '../parameters.js';
import { globalFeatureDim, type BackboneConfig } from '../presets.js';

/**
 * Sizes of a Swin classifier, under the names of torchvision's arguments; windowSize is one number, as windows are square.
 */
export interface ClassifierConfig {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Channels of the first stage; each later stage doubles them. */
  readonly embedDim: number;
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  /** Attention heads of each stage, as many stages as `depths`. */
  readonly numHeads: readonly number[];
  /** Side of an attention window in tokens. */
  readonly windowSize: number;
  readonly numClasses: number;
  /** Width of the MLPs as a multiple of the channels; 4 in every published Swin. */
  readonly mlpRatio: number;
}

/** The backbone of a classifier. Its image size is not looked at: the network takes any map. */
function backboneOf({ patchSize, embedDim, depths, numHeads, windowSize, mlpRatio }: ClassifierConfig): BackboneConfig {
  return { imageSize: 0, stem: 'patch', patchSize, embedDim, depths, heads: numHeads, windowSize, mlpRatio, poolStages: [], initialStd: 0.02 };
}

/** The backbone names the norm of each map that it gives; torchvision has one, of the last map. */
function torchvisionName(name: string, config: ClassifierConfig): string {
  const last = `norm.${config.depths.length - 1}.`;
  return name.startsWith(last) ? `norm.${name.slice(last.length)}` : name;
}

/**
 * All parameters under torchvision's names. Shapes are torchvision's too, but for features.0.0.weight, which is
 * [embedDim, p·p·3], patches laid out as (row, column, channel), where torchvision has [embedDim, 3, p, p].
 */
export function classifierSpecs(config: ClassifierConfig): ParameterSpec[] {
  const backbone = backboneOf(config);
  return [
    ...backboneSpecs('', backbone).map((spec) => ({ ...spec, name: torchvisionName(spec.name, config) })),
    ...linearSpecs('head', globalFeatureDim(backbone), config.numClasses, backbone.initialStd),
  ];
}

/**
 * Class scores of images; differentiable in the image and the parameters. Stochastic depth is off (evaluation mode).
 * @param parameters named and shaped as {@link classifierSpecs} has them
 * @param image [B, H, W, 3]; H and W are multiples of the patch size
 * @returns [B, numClasses]
 * @throws {ShapeError} when image and parameters do not fit the configuration
 */
export function classify(engine: Engine, parameters: ParameterLookup, config: ClassifierConfig, image: Tensor): Tensor {
  const backbone = backboneOf(config);
  const named: ParameterLookup = { get: (name) => parameters.get(torchvisionName(name, config)) };
  const map = new Swin(engine, named, backbone).forward(image).get(config.depths.length - 1) as Tensor;
  const [batch, height, width, channels] = map.shape;
  const feature = meanPool(engine, engine.reshape(map, [batch, height * width, channels]));
  return linear(engine, feature, parameters.get('head.weight'), parameters.get('head.bias'));
}
