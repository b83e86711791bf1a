/** Fused window attention against the same maths from separate kernels, alone and within a whole Swin block. */
import type { Engine, Tensor } from '../../src/engine/index.js';
import { windowAttention, type WindowAttentionOptions } from '../../src/kernels/attention/index.js';
import { add, gelu } from '../../src/kernels/elementwise/index.js';
import { linear, mlp } from '../../src/kernels/matmul/index.js';
import { layerNorm } from '../../src/kernels/normalization/index.js';
import { input } from '../../src/verify/values.js';
import { windowAttentionReference } from '../../test/reference/attention.js';
import { linearReference } from '../../test/reference/matmul.js';
import * as normalization from '../../test/reference/normalization.js';
import { composedWindowAttention } from '../composed/window-attention.js';
import type { Group } from '../harness/subject.js';
import { byDifferences, repeated, repeatedInput, subjectOf, type OpCase } from './case.js';
import type { Stage } from './context.js';
import { attentionCase } from './ops.js';

const SEPARATE = 'zygo, separate kernels';
const SEPARATE_ATTENTION = 'zygo, separate kernels for attention only';

/** Another implementation of a case. */
interface Rival {
  readonly implementation: string;
  readonly forward: OpCase['forward'];
}

type Attention = (engine: Engine, qkv: Tensor, table: Tensor, options: WindowAttentionOptions) => Tensor;

/** The implementations of a case in turns, forward and with the backward pass. */
function rivals(what: string, given: OpCase, others: readonly Rival[]): Group[] {
  return (['forward', 'forward and backward'] as const).map((pass) => ({
    name: `${what}, fused and from separate kernels: ${given.shape}, ${pass}`,
    subjects: [
      subjectOf(given, { section: 'comparison', pass }),
      ...others.map((rival) => subjectOf(given, { section: 'comparison', pass, rival })),
    ],
    ratios: others.map((_, at) => [at + 1, 0] as const),
  }));
}

/** Attention alone at a stage's shape, shifted where the stage shifts. */
export function attentionRivals(stage: Stage, batch: number): Group[] {
  const { model, heads, windowSize, shift } = stage;
  const given = attentionCase(model, { batch, ...stage });
  const forward: OpCase['forward'] = (engine, { qkv, table }) => composedWindowAttention(engine, qkv, table, { heads, windowSize, shift });
  return rivals('Window attention', given, [{ implementation: SEPARATE, forward }]);
}

/** Weights of a block by name, in the order of the forward pass. */
function blockInputs({ channels, hidden, heads, windowSize }: Stage) {
  const weight = (outputs: number, inputs: number, seed: number) => input([outputs, inputs], seed, { spread: 1 / Math.sqrt(inputs) });
  return {
    norm1Weight: input([channels], 52, { offset: 1, spread: 0.2 }),
    norm1Bias: input([channels], 53, { spread: 0.2 }),
    qkvWeight: weight(3 * channels, channels, 54),
    qkvBias: input([3 * channels], 55, { spread: 0.2 }),
    table: input([(2 * windowSize - 1) ** 2, heads], 56),
    projWeight: weight(channels, channels, 57),
    projBias: input([channels], 58, { spread: 0.2 }),
    norm2Weight: input([channels], 59, { offset: 1, spread: 0.2 }),
    norm2Bias: input([channels], 60, { spread: 0.2 }),
    upWeight: weight(hidden, channels, 61),
    upBias: input([hidden], 62, { spread: 0.2 }),
    downWeight: weight(channels, hidden, 63),
    downBias: input([channels], 64, { spread: 0.2 }),
  };
}

/** A Swin block as src/model/backbone/swin.ts computes it, with the attention that is given. */
function block(engine: Engine, t: Readonly<Record<string, Tensor>>, stage: Stage, attention: Attention): Tensor {
  const qkv = linear(engine, layerNorm(engine, t.x, t.norm1Weight, t.norm1Bias), t.qkvWeight, t.qkvBias);
  const attended = attention(engine, qkv, t.table, { heads: stage.heads, windowSize: stage.windowSize, shift: stage.shift });
  const mixed = linear(engine, attended, t.projWeight, t.projBias, { residual: t.x });
  const normed = layerNorm(engine, mixed, t.norm2Weight, t.norm2Bias);
  return mlp(engine, normed, { weight: t.upWeight, bias: t.upBias }, { weight: t.downWeight, bias: t.downBias }, { residual: mixed });
}

/** The same block with a launch for every step: GELU and residual sums too; a linear layer adds its bias, as everywhere. */
function separateBlock(engine: Engine, t: Readonly<Record<string, Tensor>>, stage: Stage): Tensor {
  const qkv = linear(engine, layerNorm(engine, t.x, t.norm1Weight, t.norm1Bias), t.qkvWeight, t.qkvBias);
  const attended = composedWindowAttention(engine, qkv, t.table, { heads: stage.heads, windowSize: stage.windowSize, shift: stage.shift });
  const mixed = add(engine, linear(engine, attended, t.projWeight, t.projBias), t.x);
  const hidden = gelu(engine, linear(engine, layerNorm(engine, mixed, t.norm2Weight, t.norm2Bias), t.upWeight, t.upBias));
  return add(engine, linear(engine, hidden, t.downWeight, t.downBias), mixed);
}

function blockReference(v: Readonly<Record<string, Float64Array>>, images: number, stage: Stage): Float64Array {
  const { size, channels, hidden, heads, windowSize, shift } = stage;
  const tokens = images * size * size;
  const layer = (x: Float64Array, name: string, inputs: number, outputs: number, residual: Float64Array | null, gelu = false): Float64Array =>
    linearReference(x, v[`${name}Weight`], v[`${name}Bias`], residual, { tokens, inputs, outputs, gelu });
  const qkv = layer(normalization.layerNorm(v.x, v.norm1Weight, v.norm1Bias), 'qkv', channels, 3 * channels, null);
  const sizes = { batch: images, height: size, width: size, heads, headDim: channels / heads, windowSize, shift };
  const attended = windowAttentionReference(sizes, qkv, v.table, new Float64Array(3 * channels));
  const mixed = layer(attended, 'proj', channels, channels, v.x);
  const up = layer(normalization.layerNorm(mixed, v.norm2Weight, v.norm2Bias), 'up', channels, hidden, null, true);
  return layer(up, 'down', hidden, channels, mixed);
}

/** Outputs of a block that are compared; differences of all thirteen weights would take minutes. */
const CHECKED = ['y', 'd/d x', 'd/d table'];

/** A whole Swin block at a stage's shape. */
export function blockRivals(stage: Stage, batch: number): Group[] {
  const { model, size, channels, heads, windowSize, shift } = stage;
  const base = input([1, size, size, channels], 51);
  const expected = repeated(batch, ['x'], byDifferences((values) => blockReference(values, 1, stage), false));
  const given: OpCase = {
    op: 'Swin block',
    shape: `[${batch}, ${size}, ${size}, ${channels}], window ${windowSize}, shift ${shift}, ${heads} heads`,
    model,
    inputs: () => ({ x: repeatedInput(base, batch), ...blockInputs(stage) }),
    forward: (engine, tensors) => block(engine, tensors, stage, windowAttention),
    expected: (doubles, wanted) => expected(doubles, (output) => CHECKED.includes(output) && wanted(output)),
    against: `float64 reference of ${CHECKED.join(', ')}; gradients by central differences along a random direction`,
    period: base.data.length,
  };
  return rivals('Swin block', given, [
    { implementation: SEPARATE, forward: (engine, tensors) => separateBlock(engine, tensors, stage) },
    { implementation: SEPARATE_ATTENTION, forward: (engine, tensors) => block(engine, tensors, stage, composedWindowAttention) },
  ]);
}
