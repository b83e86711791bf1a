/** Parameters of the backbone, named as torchvision names those of its Swin. */
import type { Initializer, ParameterSpec } from '../parameters.js';
import { patchSizeOf, stageChannels, usedStages, type BackboneConfig } from '../presets.js';

const zeros: Initializer = { kind: 'zeros' };
const ones: Initializer = { kind: 'ones' };
/** Swin's initial spread of position tables and of linear weights. */
const SWIN_STD = 0.02;

/** A weight matrix [out, in] and, unless `bias` is false, a bias [out]. */
export function linearSpecs(name: string, inputs: number, outputs: number, initialStd: number | 'fan-in', bias = true): ParameterSpec[] {
  const standardDeviation = initialStd === 'fan-in' ? 1 / Math.sqrt(inputs) : initialStd;
  const weight: ParameterSpec = { name: `${name}.weight`, shape: [outputs, inputs], initializer: { kind: 'normal', standardDeviation }, decay: true, half: true };
  return bias ? [weight, { name: `${name}.bias`, shape: [outputs], initializer: zeros, decay: false }] : [weight];
}

/** Weight and bias [channels] of a normalisation. */
export function normSpecs(name: string, channels: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [channels], initializer: ones, decay: false },
    { name: `${name}.bias`, shape: [channels], initializer: zeros, decay: false },
  ];
}

function convolutionSpecs(name: string, inputs: number, outputs: number): ParameterSpec[] {
  // He initialisation: the stem's GELU halves the variance.
  const standardDeviation = Math.sqrt(2 / (inputs * 9));
  return [
    { name: `${name}.weight`, shape: [outputs, 3, 3, inputs], initializer: { kind: 'normal', standardDeviation }, decay: true },
    { name: `${name}.bias`, shape: [outputs], initializer: zeros, decay: false },
  ];
}

function blockSpecs(name: string, channels: number, heads: number, config: BackboneConfig): ParameterSpec[] {
  const { windowSize, mlpRatio, initialStd } = config;
  return [
    ...normSpecs(`${name}.norm1`, channels),
    ...linearSpecs(`${name}.attn.qkv`, channels, 3 * channels, initialStd),
    {
      name: `${name}.attn.relative_position_bias_table`,
      shape: [(2 * windowSize - 1) ** 2, heads],
      initializer: { kind: 'normal', standardDeviation: SWIN_STD },
      decay: false,
    },
    ...linearSpecs(`${name}.attn.proj`, channels, channels, initialStd),
    ...normSpecs(`${name}.norm2`, channels),
    ...linearSpecs(`${name}.mlp.0`, channels, mlpRatio * channels, initialStd),
    ...linearSpecs(`${name}.mlp.3`, mlpRatio * channels, channels, initialStd),
  ];
}

/** Name of a stage's block, as torchvision counts: features.0 embeds, then stages and merges alternate. */
export function blockName(prefix: string, stage: number, block: number): string {
  return `${prefix}features.${2 * stage + 1}.${block}`;
}

/** Name of the patch merging before a stage. */
export function mergeName(prefix: string, stage: number): string {
  return `${prefix}features.${2 * stage}`;
}

/** All parameters of the backbone. Each stage whose map is used has a norm of its own. */
export function backboneSpecs(prefix: string, config: BackboneConfig): ParameterSpec[] {
  const { stem, embedDim, depths, heads, initialStd } = config;
  const specs: ParameterSpec[] =
    stem === 'patch'
      ? [...linearSpecs(`${prefix}features.0.0`, 3 * patchSizeOf(config) ** 2, embedDim, initialStd), ...normSpecs(`${prefix}features.0.2`, embedDim)]
      : [
          ...convolutionSpecs(`${prefix}stem.0`, 3, embedDim / 2),
          ...convolutionSpecs(`${prefix}stem.1`, embedDim / 2, embedDim),
          ...normSpecs(`${prefix}features.0.2`, embedDim),
        ];
  depths.forEach((depth, stage) => {
    const channels = stageChannels(config, stage);
    if (stage > 0) {
      specs.push(...normSpecs(`${mergeName(prefix, stage)}.norm`, 2 * channels));
      specs.push(...linearSpecs(`${mergeName(prefix, stage)}.reduction`, 2 * channels, channels, initialStd, false));
    }
    for (let block = 0; block < depth; block++) specs.push(...blockSpecs(blockName(prefix, stage, block), channels, heads[stage], config));
  });
  for (const stage of usedStages(config)) specs.push(...normSpecs(`${prefix}norm.${stage}`, stageChannels(config, stage)));
  return specs;
}
