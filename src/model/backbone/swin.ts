/**
 * Swin (Liu et al. 2021, "Swin Transformer: hierarchical vision transformer using shifted windows"):
 * pre-norm blocks of shifted-window attention and an MLP, patch merging between stages.
 */
import { Tensor, type Engine } from '../../engine/index.js';
import { windowAttention } from '../../kernels/attention/index.js';
import { convolutionStem, stemWindows } from '../../kernels/convolution/index.js';
import { patchify, patchMerge } from '../../kernels/layout/index.js';
import { layerNorm } from '../../kernels/normalization/index.js';
import { cast } from '../../kernels/elementwise/index.js';
import { dense, denseMlp } from '../dense.js';
import type { ParameterLookup } from '../parameters.js';
import type { Precision } from '../precision.js';
import { patchSizeOf, usedStages, type BackboneConfig } from '../presets.js';
import { blockName, mergeName } from './specs.js';
import type { StochasticDepth } from './stochastic-depth.js';

/** How a forward pass is computed, besides what. */
export interface ForwardOptions {
  /** Keep only what goes into each block for the backward pass, which computes the rest again (see Engine.checkpoint). */
  readonly checkpointActivations?: boolean;
  /** Leaves out residual branches at random, in training; none when left out. */
  readonly stochasticDepth?: StochasticDepth | null;
}

/** The convolutions of the stem. */
const STEM = { kernel: 3, stride: 2, padding: 1 } as const;

/** An image in the pieces that a backbone's first product takes: networks that look at the same image share them. */
export interface ImagePieces {
  /** [B, h, w, columns] patches, or windows [pixels, columns] of the stem's first convolution; f16 in mixed precision. */
  readonly rows: Tensor;
  /** B, H, W of the image. */
  readonly size: readonly [batch: number, height: number, width: number];
}

/** @param image [B, H, W, 3], normalised; with patches, H and W are multiples of the patch size */
export function imagePieces(engine: Engine, config: BackboneConfig, image: Tensor, precision: Precision = 'f32'): ImagePieces {
  const [batch, height, width] = image.shape;
  const products = precision === 'mixed' ? 'f16' : 'f32';
  const rows = config.stem === 'patch' ? cast(engine, patchify(engine, image, patchSizeOf(config)), products) : stemWindows(engine, image, STEM, products);
  return { rows, size: [batch, height, width] };
}

/** A network's parameters under a name prefix, and what it computes with them. */
export class Swin {
  constructor(
    private readonly engine: Engine,
    private readonly parameters: ParameterLookup,
    private readonly config: BackboneConfig,
    private readonly prefix = '',
  ) {}

  private norm(x: Tensor, name: string, output: 'f32' | 'f16' = 'f32'): Tensor {
    return layerNorm(this.engine, x, this.parameters.get(`${name}.weight`), this.parameters.get(`${name}.bias`), { output });
  }

  /** What products take: f16 in mixed precision. */
  private get products(): 'f32' | 'f16' {
    return this.parameters.precision === 'mixed' ? 'f16' : 'f32';
  }

  private embed({ rows, size }: ImagePieces): Tensor {
    const { engine, parameters, prefix } = this;
    const layer = (name: string) => ({ weight: parameters.get(`${prefix}${name}.weight`), bias: parameters.get(`${prefix}${name}.bias`) });
    const embedded = () => {
      if (this.config.stem === 'convolution') return convolutionStem(engine, rows, size, layer('stem.0'), layer('stem.1'), STEM);
      const { weight, bias } = layer('features.0.0');
      return dense(engine, rows, weight, bias);
    };
    return this.norm(embedded(), `${prefix}features.0.2`);
  }

  /** One block: x [B, H, W, C] to the same shape. `index` counts the blocks of all stages. */
  private block(
    x: Tensor,
    name: string,
    { heads, shift, index, depth }: { readonly heads: number; readonly shift: number; readonly index: number; readonly depth: StochasticDepth | null },
  ): Tensor {
    const { engine, parameters } = this;
    const get = (part: string) => parameters.get(`${name}.${part}`);
    const qkv = dense(engine, this.norm(x, `${name}.norm1`, this.products), get('attn.qkv.weight'), get('attn.qkv.bias'), { half: true });
    const attended = windowAttention(engine, qkv, get('attn.relative_position_bias_table'), {
      heads,
      windowSize: this.config.windowSize,
      shift,
      padQkv: get('attn.qkv.bias'),
    });
    const project = (residual: { residual?: Tensor }) => dense(engine, attended, get('attn.proj.weight'), get('attn.proj.bias'), residual);
    const mixed = depth ? depth.residual(x, project({}), index, 0) : project({ residual: x });
    const layer = (part: string) => ({ weight: get(`${part}.weight`), bias: get(`${part}.bias`) });
    const normed = this.norm(mixed, `${name}.norm2`, this.products);
    const out = (residual: { residual?: Tensor }) => denseMlp(engine, normed, layer('mlp.0'), layer('mlp.3'), residual);
    return depth ? depth.residual(mixed, out({}), index, 1) : out({ residual: mixed });
  }

  /**
   * @param image [B, H, W, 3], normalised, where with patches H and W are multiples of the patch size; or what `imagePieces`
   *   gave for it in the precision of the parameters
   * @returns the normalised map [B, h, w, C] of every stage that is used, by stage
   */
  forward(image: Tensor | ImagePieces, { checkpointActivations = false, stochasticDepth = null }: ForwardOptions = {}): ReadonlyMap<number, Tensor> {
    const { depths, heads, windowSize } = this.config;
    const used = usedStages(this.config);
    const maps = new Map<number, Tensor>();
    let x = this.embed(image instanceof Tensor ? imagePieces(this.engine, this.config, image, this.parameters.precision) : image);
    depths.forEach((depth, stage) => {
      if (stage > 0) {
        const name = mergeName(this.prefix, stage);
        const merged = this.norm(patchMerge(this.engine, x), `${name}.norm`, this.products);
        x = dense(this.engine, merged, this.parameters.get(`${name}.reduction.weight`), null);
      }
      for (let block = 0; block < depth; block++) {
        const shift = block % 2 === 1 ? Math.floor(windowSize / 2) : 0;
        const before = x;
        const index = depths.slice(0, stage).reduce((sum, count) => sum + count, block);
        const applied = stochasticDepth?.applies(index) ? stochasticDepth : null;
        const body = () => this.block(before, blockName(this.prefix, stage, block), { heads: heads[stage], shift, index, depth: applied });
        x = checkpointActivations ? this.engine.checkpoint(body) : body();
      }
      if (used.includes(stage)) maps.set(stage, this.norm(x, `${this.prefix}norm.${stage}`));
    });
    return maps;
  }
}
