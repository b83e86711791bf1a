/** Memory that window attention plans at Swin-T's stages: no N x N buffer in any variant, which the separate kernels do need. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type CapturedStep, type Tensor } from '../src/engine/index.js';
import { tensorsOf } from '../src/engine/recorder.js';
import { windowAttention, type WindowAttentionOptions } from '../src/kernels/attention/index.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { PRESETS } from '../src/model/presets.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { composedWindowAttention } from '../bench/composed/window-attention.js';
import { shaderSources } from '../bench/shaders.generated.js';
import { stagesOf, type Stage } from '../bench/suites/context.js';
import { forEachKind } from './attention-kinds.js';

const engine = await openEngine((await findNodeGpu()).adapter, shaderSources);
after(() => engine.destroy());

type Attention = (given: typeof engine, qkv: Tensor, table: Tensor, options: WindowAttentionOptions) => Tensor;

/** Elements of the largest buffers that scores, bias and mask of a stage take where they are written out. */
function squares({ size, heads, windowSize }: Stage): { scores: number; bias: number; mask: number } {
  const square = windowSize ** 4;
  const windows = (size / windowSize) ** 2;
  return { scores: windows * heads * square, bias: heads * square, mask: windows * square };
}

/** A step of one image, forward and backward; nothing in it is run. */
function capture({ size, channels, heads, windowSize, shift }: Stage, attention: Attention): CapturedStep<unknown> {
  const qkv = engine.empty([1, size, size, 3 * channels]);
  const table = engine.empty([(2 * windowSize - 1) ** 2, heads]);
  const dy = engine.empty([1, size, size, channels]);
  return engine.capture('attention', () =>
    engine.withTape((tape) => {
      tape.watch(qkv);
      tape.watch(table);
      const y = attention(engine, qkv, table, { heads, windowSize, shift });
      tape.backward([[y, dy]]);
      return [y, tape.gradientOf(qkv), tape.gradientOf(table)];
    }),
  );
}

/** Sizes in elements of all buffers that a step touches. */
const sizesOf = ({ commands }: CapturedStep<unknown>): Set<number> => new Set(commands.flatMap(tensorsOf).map(({ storage }) => storage.byteLength / 4));

const rounded = (count: number): number => Math.ceil(count / 4) * 4;

for (const stage of stagesOf(PRESETS['swin-t']).flatMap((found) => [0, ...(found.shift > 0 ? [found.shift] : [])].map((shift) => ({ ...found, shift })))) {
  const { size, channels, heads, windowSize, shift } = stage;
  const what = `${size} x ${size} x ${channels}, ${heads} heads, shift ${shift}`;

  test(`fused window attention plans no N x N buffer: ${what}`, () =>
    engine.scope(async () => {
      const sizes = { batch: 1, height: size, width: size, heads, headDim: channels / heads, windowSize, shift };
      await forEachKind(engine, sizes, async (kind) => {
        const step = capture(stage, windowAttention);
        const found = sizesOf(step);
        for (const [name, count] of Object.entries(squares(stage))) assert.ok(!found.has(rounded(count)), `${kind} kernels keep a buffer as large as ${name}`);
        // What is kept besides the outputs: lse, and the table's partial sums, of which there are at most four times as many as windows.
        const outputs = 4 * rounded(size * size * channels) + rounded((2 * windowSize - 1) ** 2 * heads);
        const entries = (2 * windowSize - 1) ** 2 * heads;
        const rest = size * size * heads + entries * 4 * (size / windowSize) ** 2;
        assert.ok(step.plan.peakBytes <= 4 * (outputs + rest) + 64, `${kind} kernels plan ${step.plan.peakBytes} bytes, expected at most ${4 * (outputs + rest)}`);
        step.destroy();
      });
    }));

  test(`separate kernels plan N x N buffers: ${what}`, () =>
    engine.scope(() => {
      const step = capture(stage, composedWindowAttention);
      const { scores, bias } = squares(stage);
      const found = sizesOf(step);
      assert.ok(found.has(rounded(scores)) && found.has(rounded(bias)));
      step.destroy();
    }));
}
