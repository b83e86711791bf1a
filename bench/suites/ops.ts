/** The ops that are timed, each at a size that is given. */
import type { Tensor } from '../../src/engine/index.js';
import { windowAttention } from '../../src/kernels/attention/index.js';
import { conv2d } from '../../src/kernels/convolution/index.js';
import { add, gelu } from '../../src/kernels/elementwise/index.js';
import { meanPool, patchMerge } from '../../src/kernels/layout/index.js';
import { linear, matmul } from '../../src/kernels/matmul/index.js';
import { l2Normalize, layerNorm, softmax } from '../../src/kernels/normalization/index.js';
import { regionPool } from '../../src/kernels/pooling/index.js';
import { input } from '../../src/verify/values.js';
import { windowAttentionReference } from '../../test/reference/attention.js';
import { convolutionReference } from '../../test/reference/convolution.js';
import * as elementwise from '../../test/reference/elementwise.js';
import * as layout from '../../test/reference/layout.js';
import * as normalization from '../../test/reference/normalization.js';
import { regionPoolReference } from '../../test/reference/pooling.js';
import { byDifferences, repeated, repeatedInput, type OpCase } from './case.js';
import { sampledGeluLinear } from './sampled-gelu.js';
import { sampledLinear, sampledProduct, sampledTransposed } from './sampled.js';

/** What references of ops rest on, in words. */
export const WHOLE = 'float64 reference of every output; gradients by central differences of it';
/** The same where a whole reference would take minutes. */
export const PROJECTED = 'float64: every row along random signs, and sums at pseudo-random places';
/** The same where GELU stands between. */
export const SAMPLED = 'float64 sums of pseudo-random rows and units, whole';

/** How many of a batch's items are different from each other, at most `most`; the batch repeats them. */
export const distinct = (items: number, most: number): number => {
  for (let count = Math.min(items, most); count > 1; count--) if (items % count === 0) return count;
  return 1;
};

/** y = a b. */
export function productCase(m: number, n: number, k: number, model = 'square'): OpCase {
  return {
    op: 'matmul',
    shape: `[${m}, ${k}] x [${k}, ${n}]`,
    model,
    inputs: () => ({ a: input([m, k], 11), b: input([k, n], 12) }),
    forward: (engine, { a, b }) => matmul(engine, a, b),
    expected: sampledProduct(m, n, k),
    against: PROJECTED,
  };
}

/** The gradient of a linear layer's weight, dyᵀ x: a long sum over tokens under a small result. */
export function weightGradientCase(model: string, tokens: number, inputs: number, outputs: number): OpCase {
  return {
    op: 'weight gradient',
    shape: `[${tokens}, ${outputs}]ᵀ x [${tokens}, ${inputs}]`,
    model,
    inputs: () => ({ dy: input([tokens, outputs], 11), x: input([tokens, inputs], 12) }),
    forward: (engine, { dy, x }) => matmul(engine, dy, x, { transposeA: true }),
    expected: sampledTransposed(outputs, inputs, tokens),
    against: PROJECTED,
  };
}

/** Swin's linear layers. */
export function linearCase(model: string, tokens: number, inputs: number, outputs: number, { activation, residual }: { activation: 'none' | 'gelu'; residual: boolean }): OpCase {
  const fused = `bias${activation === 'gelu' ? ', GELU' : ''}${residual ? ', residual' : ''}`;
  return {
    op: 'linear',
    shape: `[${tokens}, ${inputs}] -> ${outputs}, ${fused}`,
    model,
    inputs: () => ({
      x: input([tokens, inputs], 13),
      weight: input([outputs, inputs], 14, { spread: 1 / Math.sqrt(inputs) }),
      bias: input([outputs], 15),
      ...(residual ? { residual: input([tokens, outputs], 16) } : {}),
    }),
    forward: (engine, tensors: Readonly<Record<string, Tensor | undefined>>) =>
      linear(engine, tensors.x as Tensor, tensors.weight as Tensor, tensors.bias as Tensor, { activation, residual: tensors.residual }),
    expected: activation === 'gelu' ? sampledGeluLinear(tokens, outputs, inputs) : sampledLinear(tokens, outputs, inputs),
    against: activation === 'gelu' ? SAMPLED : PROJECTED,
  };
}

/** Sizes of window attention on a square map. */
export interface AttentionSizes {
  readonly batch: number;
  /** Side of the map. */
  readonly size: number;
  readonly heads: number;
  readonly channels: number;
  readonly windowSize: number;
  readonly shift: number;
}

/** Shifted-window attention on a square map. */
export function attentionCase(model: string, { batch, size, heads, channels, windowSize, shift }: AttentionSizes): OpCase {
  // The reference of a large map takes a second.
  const images = distinct(batch, size > 16 ? 1 : 2);
  const sizes = { batch: images, height: size, width: size, heads, headDim: channels / heads, windowSize, shift };
  const base = input([images, size, size, 3 * channels], 91, { spread: 2 });
  return {
    op: 'windowAttention',
    shape: `[${batch}, ${size}, ${size}, 3 x ${channels}], window ${windowSize}, shift ${shift}, ${heads} heads`,
    model,
    inputs: () => ({ qkv: repeatedInput(base, batch / images), table: input([(2 * windowSize - 1) ** 2, heads], 92) }),
    forward: (engine, { qkv, table }) => windowAttention(engine, qkv, table, { heads, windowSize, shift }),
    expected: repeated(batch / images, ['qkv'], byDifferences(({ qkv, table }) => windowAttentionReference(sizes, qkv, table, new Float64Array(3 * channels)))),
    against: WHOLE,
    period: base.data.length / 3,
  };
}

/** A row op over [rows, columns], whose rows repeat. */
function rowCase(given: Pick<OpCase, 'op' | 'model' | 'forward'>, rows: number, columns: number, forward: (x: Float64Array) => Float64Array): OpCase {
  const own = distinct(rows, 512);
  const base = input([own, columns], 21);
  return {
    ...given,
    shape: `[${rows}, ${columns}]`,
    inputs: () => ({ x: repeatedInput(base, rows / own) }),
    expected: repeated(rows / own, ['x'], byDifferences(({ x }) => forward(x))),
    against: WHOLE,
    period: base.data.length,
  };
}

/** Layer normalisation with weight and bias. */
export function layerNormCase(model: string, rows: number, columns: number): OpCase {
  const own = distinct(rows, 512);
  const base = input([own, columns], 22);
  return {
    op: 'layerNorm',
    shape: `[${rows}, ${columns}]`,
    model,
    inputs: () => ({ x: repeatedInput(base, rows / own), weight: input([columns], 23, { offset: 1, spread: 0.5 }), bias: input([columns], 24) }),
    forward: (engine, { x, weight, bias }) => layerNorm(engine, x, weight, bias),
    expected: repeated(rows / own, ['x'], byDifferences(({ x, weight, bias }) => normalization.layerNorm(x, weight, bias))),
    against: WHOLE,
    period: base.data.length,
  };
}

/** Softmax of every row. */
export const softmaxCase = (model: string, rows: number, columns: number): OpCase =>
  rowCase({ op: 'softmax', model, forward: (engine, { x }) => softmax(engine, x) }, rows, columns, (x) => normalization.softmax(x, columns));

/** Rows divided by their length. */
export const l2NormalizeCase = (model: string, rows: number, columns: number): OpCase =>
  rowCase({ op: 'l2Normalize', model, forward: (engine, { x }) => l2Normalize(engine, x) }, rows, columns, (x) => normalization.l2Normalize(x, columns));

/** Exact GELU, element by element. */
export const geluCase = (model: string, rows: number, columns: number): OpCase =>
  rowCase({ op: 'gelu', model, forward: (engine, { x }) => gelu(engine, x) }, rows, columns, (x) => elementwise.gelu(x));

/** y = a + b, the least work per byte there is. */
export function addCase(model: string, rows: number, columns: number): OpCase {
  const own = distinct(rows, 512);
  return {
    op: 'add',
    shape: `[${rows}, ${columns}]`,
    model,
    inputs: () => ({ a: repeatedInput(input([own, columns], 25), rows / own), b: repeatedInput(input([own, columns], 26), rows / own) }),
    forward: (engine, { a, b }) => add(engine, a, b),
    expected: repeated(rows / own, ['a', 'b'], byDifferences(({ a, b }) => a.map((value, at) => value + b[at]))),
    against: WHOLE,
    period: own * columns,
  };
}

/** Pooling by soft masks, `regions` to an image. */
export function regionPoolCase(model: string, batch: number, size: number, channels: number, regions: number): OpCase {
  const images = distinct(batch, 2);
  const sizes = { batch: images, height: size, width: size, channels, regions };
  const masks = input([images, regions, size, size], 112);
  return {
    op: 'regionPool',
    shape: `[${batch}, ${size}, ${size}, ${channels}], ${regions} regions`,
    model,
    inputs: () => ({
      x: repeatedInput(input([images, size, size, channels], 111), batch / images),
      // A quarter above 0, so that no difference steps over a kink.
      masks: repeatedInput({ shape: masks.shape, data: masks.data.map((value) => 1.25 + value) }, batch / images),
    }),
    forward: (engine, tensors) => regionPool(engine, tensors.x, tensors.masks).pooled,
    expected: repeated(batch / images, ['x', 'masks'], byDifferences(({ x, masks: maps }) => regionPoolReference(sizes, x, maps))),
    against: WHOLE,
    period: images * regions * channels,
  };
}

/** A 3 x 3 convolution of stride 2, as in the stem of the small presets. */
export function convolutionCase(model: string, batch: number, size: number, channels: number, outputs: number, activation: 'none' | 'gelu'): OpCase {
  const images = distinct(batch, 2);
  const sizes = { batch: images, height: size, width: size, channels, outputs, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1, gelu: activation === 'gelu' };
  return {
    op: 'conv2d',
    shape: `[${batch}, ${size}, ${size}, ${channels}] -> ${outputs}, 3 x 3, stride 2${activation === 'gelu' ? ', GELU' : ''}`,
    model,
    inputs: () => ({
      x: repeatedInput(input([images, size, size, channels], 31), batch / images),
      weight: input([outputs, 3, 3, channels], 32, { spread: 1 / Math.sqrt(9 * channels) }),
      bias: input([outputs], 33),
    }),
    forward: (engine, { x, weight, bias }) => conv2d(engine, x, weight, bias, { stride: 2, padding: 1, activation }),
    expected: repeated(batch / images, ['x'], byDifferences(({ x, weight, bias }) => convolutionReference(x, weight, bias, sizes))),
    against: WHOLE,
    period: images * (size / 2) ** 2 * outputs,
  };
}

/** The gather of patch merging. */
export function patchMergeCase(model: string, batch: number, size: number, channels: number): OpCase {
  return {
    op: 'patchMerge',
    shape: `[${batch}, ${size}, ${size}, ${channels}]`,
    model,
    inputs: () => ({ x: repeatedInput(input([1, size, size, channels], 41), batch) }),
    forward: (engine, { x }) => patchMerge(engine, x),
    expected: repeated(batch, ['x'], byDifferences(({ x }) => layout.patchMerge(x, 1, size, size, channels))),
    against: WHOLE,
    period: size * size * channels,
  };
}

/** The mean over an image's tokens. */
export function meanPoolCase(model: string, batch: number, tokens: number, channels: number): OpCase {
  const images = distinct(batch, 4);
  return {
    op: 'meanPool',
    shape: `[${batch}, ${tokens}, ${channels}]`,
    model,
    inputs: () => ({ x: repeatedInput(input([images, tokens, channels], 42), batch / images) }),
    forward: (engine, { x }) => meanPool(engine, x),
    expected: repeated(batch / images, ['x'], byDifferences(({ x }) => layout.meanPool(x, images, tokens, channels))),
    against: WHOLE,
    period: images * channels,
  };
}
