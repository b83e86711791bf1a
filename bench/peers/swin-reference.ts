/** The Swin classifier and its loss in float64, from the references of its parts. */
import type { ClassifierConfig } from '../../src/model/classifier/index.js';
import { windowAttentionReference } from '../../test/reference/attention.js';
import * as layout from '../../test/reference/layout.js';
import { bceWithLogits } from '../../test/reference/loss.js';
import { linearReference } from '../../test/reference/matmul.js';
import { layerNorm } from '../../test/reference/normalization.js';
import { blocksOf } from './swin-plan.js';

/** Tensors by name, in float64. */
export type Values = Readonly<Record<string, Float64Array>>;

/**
 * Class scores [images, classes], flat.
 * @param image [images, size, size, 3], flat
 */
export function classifierScores(network: ClassifierConfig, parameters: Values, image: Float64Array, images: number, size: number): Float64Array {
  const norm = (x: Float64Array, name: string): Float64Array => layerNorm(x, parameters[`${name}.weight`], parameters[`${name}.bias`]);
  const linear = (x: Float64Array, inputs: number, name: string, residual: Float64Array | null = null, gelu = false): Float64Array => {
    const weight = parameters[`${name}.weight`];
    return linearReference(x, weight, parameters[`${name}.bias`] ?? null, residual, { tokens: x.length / inputs, inputs, outputs: weight.length / inputs, gelu });
  };
  const { patchSize, windowSize, mlpRatio } = network;
  let channels = network.embedDim;
  let x = norm(linear(layout.patchify(image, images, size, size, 3, patchSize), 3 * patchSize ** 2, 'features.0.0'), 'features.0.2');
  for (const { name, merge, size: side, heads, shift } of blocksOf(network, size)) {
    if (merge) {
      x = linear(norm(layout.patchMerge(x, images, 2 * side, 2 * side, channels), `${merge}.norm`), 4 * channels, `${merge}.reduction`);
      channels *= 2;
    }
    const sizes = { batch: images, height: side, width: side, heads, headDim: channels / heads, windowSize, shift };
    const qkv = linear(norm(x, `${name}.norm1`), channels, `${name}.attn.qkv`);
    const attended = windowAttentionReference(sizes, qkv, parameters[`${name}.attn.relative_position_bias_table`], new Float64Array(3 * channels));
    const mixed = linear(attended, channels, `${name}.attn.proj`, x);
    const hidden = linear(norm(mixed, `${name}.norm2`), channels, `${name}.mlp.0`, null, true);
    x = linear(hidden, mlpRatio * channels, `${name}.mlp.3`, mixed);
  }
  const feature = layout.meanPool(norm(x, 'norm'), images, x.length / images / channels, channels);
  return linear(feature, channels, 'head');
}

/**
 * Mean over all scores of the binary cross-entropy with logits.
 * @param image [images, size, size, 3], flat
 * @param targets [images, classes] of 0 and 1, flat
 */
export function classifierLoss(network: ClassifierConfig, parameters: Values, image: Float64Array, targets: ArrayLike<number>, images: number, size: number): number {
  return bceWithLogits(classifierScores(network, parameters, image, images, size), targets, new Float64Array(network.numClasses).fill(1));
}
