/** The Swin classifier of src/model/classifier as an ONNX model, forward only, for maps that windows divide. */
import type { ClassifierConfig } from '../../../src/model/classifier/index.js';
import type { Input } from '../../../src/verify/values.js';
import { blocksOf, type Block } from '../swin-plan.js';
import { OnnxGraph, type Value } from './graph.js';
import { gelu, layerNorm, linear, reshape, transpose } from './layers.js';
import { attend, cutWindows, joinWindows, type Windows } from './window-attention.js';

/** Parameters as `classifierSpecs` names and shapes them. */
export type SwinWeights = Readonly<Record<string, Input>>;

/** A graph under construction, with the network's weights. */
class SwinGraph {
  constructor(
    private readonly graph: OnnxGraph,
    private readonly weights: SwinWeights,
  ) {}

  linear(x: Value, name: string, bias = true): Value {
    return linear(this.graph, x, name, this.weights[`${name}.weight`], bias ? this.weights[`${name}.bias`] : null);
  }

  norm(x: Value, name: string): Value {
    return layerNorm(this.graph, x, name, this.weights[`${name}.weight`], this.weights[`${name}.bias`]);
  }

  /** Image [B, H, H, 3] to tokens [B, H / p, H / p, channels]. */
  embed(image: Value, batch: number, side: number, patch: number): Value {
    const cells = transpose(this.graph, reshape(this.graph, image, [batch, side, patch, side, patch, 3]), [0, 1, 3, 2, 4, 5]);
    const patches = reshape(this.graph, cells, [batch, side, side, patch * patch * 3]);
    return this.norm(this.linear(patches, 'features.0.0'), 'features.0.2');
  }

  /** [B, S, S, C] to [B, S / 2, S / 2, 2C]; the four tokens lie side by side as (column, row). */
  merge(x: Value, name: string, batch: number, side: number, channels: number): Value {
    const cells = transpose(this.graph, reshape(this.graph, x, [batch, side, 2, side, 2, channels]), [0, 1, 3, 4, 2, 5]);
    const joined = reshape(this.graph, cells, [batch, side, side, 4 * channels]);
    return this.linear(this.norm(joined, `${name}.norm`), `${name}.reduction`, false);
  }

  /** One block; its map is rolled before queries, keys and values are made of it, as Swin's own code does. */
  block(x: Value, { name, size, heads, windowSize, shift }: Block, batch: number, channels: number): Value {
    const { graph } = this;
    const windows: Windows = { batch, size, heads, windowSize, shift };
    const cut = cutWindows(graph, this.norm(x, `${name}.norm1`), windows, channels);
    const table = this.weights[`${name}.attn.relative_position_bias_table`];
    const attended = attend(graph, this.linear(cut, `${name}.attn.qkv`), `${name}.attn`, table, windows, channels);
    const mixed = graph.node('Add', [x, joinWindows(graph, this.linear(attended, `${name}.attn.proj`), windows, channels)]);
    const hidden = gelu(graph, this.linear(this.norm(mixed, `${name}.norm2`), `${name}.mlp.0`));
    return graph.node('Add', [mixed, this.linear(hidden, `${name}.mlp.3`)]);
  }
}

/**
 * The model's bytes: input "image" [B, H, H, 3], output "y" [B, numClasses].
 * @param imageSize H, a multiple of the patch; every map is a multiple of the window
 */
export function swinModel(config: ClassifierConfig, weights: SwinWeights, batch: number, imageSize: number): Uint8Array<ArrayBuffer> {
  const { patchSize, embedDim, numClasses } = config;
  const graph = new OnnxGraph();
  const network = new SwinGraph(graph, weights);
  let x = network.embed(graph.input('image', [batch, imageSize, imageSize, 3]), batch, imageSize / patchSize, patchSize);
  let channels = embedDim;
  let size = imageSize / patchSize;
  for (const block of blocksOf(config, imageSize)) {
    size = block.size;
    if (block.merge !== null) {
      x = network.merge(x, block.merge, batch, size, channels);
      channels *= 2;
    }
    x = network.block(x, block, batch, channels);
  }
  const tokens = reshape(graph, network.norm(x, 'norm'), [batch, size * size, channels]);
  const feature = graph.node('ReduceMean', [tokens, graph.integers([1])], { keepdims: 0n });
  graph.output('y', network.linear(feature, 'head'), [batch, numClasses]);
  return graph.encode('swin');
}
