import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundToHalf, ShapeError, type Engine, type Tensor } from '../src/engine/index.js';
import { windowAttention } from '../src/kernels/attention/index.js';
import { cast } from '../src/kernels/elementwise/index.js';
import { forEachKind, isPadded } from './attention-kinds.js';
import { checkGradients } from './gradient-check.js';
import { expectClose, withEngine, randomValues } from './helpers.js';
import { windowAttentionReference, type AttentionCase } from './reference/attention.js';

/** Inputs of a case: qkv large enough that the softmax is far from uniform, a table that matters beside it. */
function inputsOf(options: AttentionCase): { shape: number[]; data: Float32Array<ArrayBuffer> }[] {
  const { batch, height, width, heads, headDim, windowSize } = options;
  const triple = 3 * heads * headDim;
  const entries = (2 * windowSize - 1) ** 2;
  return [
    { shape: [batch, height, width, triple], data: randomValues(batch * height * width * triple, 1).map((value) => value * 2) },
    { shape: [entries, heads], data: randomValues(entries * heads, 2) },
    { shape: [triple], data: randomValues(triple, 3) },
  ];
}

function run(engine: Engine, options: AttentionCase, [qkv, table, padQkv]: Tensor[]): Tensor {
  const { heads, windowSize, shift } = options;
  return windowAttention(engine, qkv, table, { heads, windowSize, shift, padQkv });
}

const CASES: Record<string, AttentionCase> = {
  'windows of 4, no shift': { batch: 2, height: 8, width: 8, heads: 2, headDim: 16, windowSize: 4, shift: 0 },
  'windows of 4, shift 2': { batch: 2, height: 8, width: 8, heads: 2, headDim: 16, windowSize: 4, shift: 2 },
  'three windows on an axis, shift 1': { batch: 1, height: 12, width: 12, heads: 1, headDim: 8, windowSize: 4, shift: 1 },
  'a wide map': { batch: 1, height: 4, width: 12, heads: 3, headDim: 8, windowSize: 4, shift: 2 },
  'a tall map': { batch: 2, height: 12, width: 8, heads: 1, headDim: 8, windowSize: 4, shift: 3 },
  'a map as large as the window': { batch: 3, height: 4, width: 4, heads: 4, headDim: 16, windowSize: 4, shift: 2 },
  'head dimension 6': { batch: 1, height: 8, width: 8, heads: 2, headDim: 6, windowSize: 4, shift: 2 },
  'windows of 7, shift 3': { batch: 1, height: 14, width: 14, heads: 2, headDim: 32, windowSize: 7, shift: 3 },
  'windows of 7 in one row': { batch: 1, height: 7, width: 14, heads: 1, headDim: 32, windowSize: 7, shift: 3 },
  'windows of 2': { batch: 1, height: 6, width: 4, heads: 2, headDim: 8, windowSize: 2, shift: 1 },
  'windows of 3, head dimension 6': { batch: 1, height: 6, width: 9, heads: 2, headDim: 6, windowSize: 3, shift: 1 },
  'windows of 8 in blocks of rows': { batch: 1, height: 8, width: 16, heads: 1, headDim: 8, windowSize: 8, shift: 4 },
  'padded on both axes': { batch: 2, height: 6, width: 9, heads: 2, headDim: 8, windowSize: 4, shift: 2 },
  'padded, no shift': { batch: 1, height: 5, width: 8, heads: 1, headDim: 8, windowSize: 4, shift: 0 },
  'padded, smaller than the window': { batch: 2, height: 3, width: 2, heads: 2, headDim: 8, windowSize: 4, shift: 2 },
  'padded, smaller on one axis only': { batch: 1, height: 3, width: 10, heads: 1, headDim: 8, windowSize: 4, shift: 2 },
  'padded windows of 7': { batch: 1, height: 8, width: 10, heads: 1, headDim: 8, windowSize: 7, shift: 3 },
};

for (const [name, options] of Object.entries(CASES)) {
  test(`window attention: ${name}`, () =>
    withEngine(async (engine) => {
      const inputs = inputsOf(options);
      const used = isPadded(options) ? inputs : inputs.slice(0, 2);
      await forEachKind(engine, options, (kind) =>
        checkGradients({
          engine,
          name: `${name} (${kind} kernels)`,
          inputs: used,
          forward: (tensors) => run(engine, options, tensors),
          reference: ([qkv, table, padQkv]) => windowAttentionReference(options, qkv, table, padQkv ?? new Float64Array(0)),
          samples: 12,
        }),
      );
    }));
}

test('window attention: windows of 12 need several blocks of rows', () =>
  withEngine(async (engine) => {
    const options: AttentionCase = { batch: 1, height: 12, width: 24, heads: 1, headDim: 32, windowSize: 12, shift: 6 };
    const inputs = inputsOf(options);
    await checkGradients({
      engine,
      name: 'windows of 12',
      inputs: inputs.slice(0, 2),
      forward: (tensors) => run(engine, options, tensors),
      reference: ([qkv, table]) => windowAttentionReference(options, qkv, table, new Float64Array(0)),
      samples: 4,
    });
  }));

test('window attention: in f16 it is that of f32 on rounded qkv, and so are its gradients', () =>
  withEngine(async (engine) => {
    const options = CASES['padded on both axes'];
    const [qkv, table, pad] = inputsOf(options);
    const rounded = engine.tensor(roundToHalf(qkv.data), qkv.shape);
    const seed = engine.tensor(randomValues(qkv.data.length / 3, 4), [...qkv.shape.slice(0, 3), qkv.shape[3] / 3]);
    const passes = (half: boolean) =>
      engine.withTape((tape) => {
        const [x, bias, padQkv] = [rounded, engine.tensor(table.data, table.shape), engine.tensor(pad.data, pad.shape)];
        for (const tensor of [x, bias, padQkv]) tape.watch(tensor);
        const y = run(engine, options, [half ? cast(engine, x, 'f16') : x, bias, padQkv]);
        assert.equal(y.dtype, half ? 'f16' : 'f32');
        tape.backward([[half ? cast(engine, y, 'f32') : y, seed]]);
        return [y, ...[x, bias, padQkv].map((tensor) => tape.gradientOf(tensor) as Tensor)];
      });
    const single = passes(false);
    const half = passes(true);
    for (const [index, tolerance] of [2 ** -11, 2e-3, 2e-3, 2e-3].entries()) {
      await expectClose(engine, half[index], await engine.read(single[index]), tolerance, ['y', 'd/d qkv', 'd/d table', 'd/d padQkv'][index]);
    }
  }));

test('window attention: padding tokens without a bias have zero q, k and v', () =>
  withEngine(async (engine) => {
    const options: AttentionCase = { batch: 1, height: 5, width: 5, heads: 1, headDim: 8, windowSize: 4, shift: 2 };
    const [qkv, table] = inputsOf(options);
    const { heads, windowSize, shift } = options;
    const y = windowAttention(engine, engine.tensor(qkv.data, qkv.shape), engine.tensor(table.data, table.shape), { heads, windowSize, shift });
    const expected = windowAttentionReference(options, Float64Array.from(qkv.data), Float64Array.from(table.data), new Float64Array(24));
    await expectClose(engine, y, expected, 2e-5, 'padding without a bias');
  }));

test('window attention: large logits neither overflow nor lose the softmax', () =>
  withEngine(async (engine) => {
    const options: AttentionCase = { batch: 1, height: 8, width: 8, heads: 1, headDim: 8, windowSize: 4, shift: 2 };
    const [qkv, table] = inputsOf(options);
    const large = qkv.data.map((value) => value * 15);
    const expected = windowAttentionReference(options, Float64Array.from(large), Float64Array.from(table.data), new Float64Array(0));
    await forEachKind(engine, options, async (kind) => {
      const y = run(engine, options, [engine.tensor(large, qkv.shape), engine.tensor(table.data, table.shape)]);
      await expectClose(engine, y, expected, 2e-4, `large logits (${kind} kernels)`);
    });
  }));

test('window attention: two runs give the same bits, forward and backward', () =>
  withEngine(async (engine) => {
    for (const options of [CASES['padded on both axes'], CASES['windows of 4, shift 2']]) {
      const inputs = isPadded(options) ? inputsOf(options) : inputsOf(options).slice(0, 2);
      await forEachKind(engine, options, async (kind) => {
        const runs: Float32Array[][] = [];
        for (let attempt = 0; attempt < 2; attempt++) {
          const tensors = inputs.map(({ data, shape }) => engine.tensor(data, shape));
          const results = engine.withTape((tape) => {
            for (const tensor of tensors) tape.watch(tensor);
            const y = run(engine, options, tensors);
            tape.backward([[y, engine.tensor(randomValues(y.size, 9), y.shape)]]);
            return [y, ...tensors.map((tensor) => tape.gradientOf(tensor) as Tensor)];
          });
          runs.push((await Promise.all(results.map((tensor) => engine.read(tensor)))) as Float32Array[]);
        }
        assert.equal(runs[0].length, inputs.length + 1);
        runs[0].forEach((values, index) => assert.deepEqual(Buffer.from(values.buffer), Buffer.from(runs[1][index].buffer), `${kind} kernels`));
      });
    }
  }));

test('window attention: shapes that do not fit are refused in words', () =>
  withEngine(async (engine) => {
    const qkv = engine.zeros([1, 8, 8, 48]);
    const table = engine.zeros([49, 2]);
    const refused = (pattern: RegExp, heads: number, windowSize: number, shift: number) =>
      assert.throws(() => windowAttention(engine, qkv, table, { heads, windowSize, shift }), (error: unknown) => error instanceof ShapeError && pattern.test(error.message));
    refused(/16 channels cannot be split into 3 heads/, 3, 4, 0);
    refused(/shift is 4, expected 0 to 3/, 2, 4, 4);
    refused(/window size is 13, expected 2 to 12/, 2, 13, 0);
    refused(/bias table has shape \[49, 2\], expected \[169, 2\]/, 2, 7, 3);
    assert.throws(() => windowAttention(engine, table, table, { heads: 2, windowSize: 4, shift: 0 }), /expected \[B, H, W, 3C\]/);
  }));
