/** What kernels state as necessary work: the same for every variant of an op, and equal to what is counted by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZygoError, type CapturedStep, type Engine, type Tensor } from '../src/engine/index.js';
import { windowAttention } from '../src/kernels/attention/index.js';
import { augmentImages } from '../src/kernels/augment/index.js';
import { gelu } from '../src/kernels/elementwise/index.js';
import { relationMarginals } from '../src/kernels/loss/index.js';
import { linear, matmul, mlp } from '../src/kernels/matmul/index.js';
import { batchNorm, l2Normalize, layerNorm, softmax } from '../src/kernels/normalization/index.js';
import { regionPool } from '../src/kernels/pooling/index.js';
import { columnSum, sum } from '../src/kernels/reduction/index.js';
import { sinkhorn } from '../src/kernels/sinkhorn/index.js';
import { VARIANT_FAMILIES } from '../src/kernels/variants.js';
import { randomValues, withEngine } from './helpers.js';

/** Operations and bytes of all launches of a step. */
interface Work {
  readonly flops: number;
  readonly bytes: number;
}

function workOf(step: CapturedStep<unknown>): Work {
  const calls = step.commands.flatMap((command) => (command.kind === 'dispatch' ? [command.call] : []));
  return { flops: step.flops, bytes: calls.reduce((total, { bytes }) => total + (bytes ?? 0), 0) };
}

type Tensors = Readonly<Record<string, Tensor>>;

/** An op on inputs of these shapes. */
interface Op {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly half?: readonly string[];
  forward(engine: Engine, inputs: Tensors): Tensor;
  /** False where there is no backward pass. */
  readonly differentiable?: boolean;
}

type Pass = 'forward' | 'backward';

/** Work of a pass; nothing is run, so no pipeline is compiled. */
function counted(engine: Engine, op: Op, pass: Pass): Work {
  const forward = captured(engine, op, 'forward');
  if (pass === 'forward') return forward;
  const both = captured(engine, op, 'backward');
  return { flops: both.flops - forward.flops, bytes: both.bytes - forward.bytes };
}

/** Work of the forward pass, or up to the end of the backward pass. */
function captured(engine: Engine, { shapes, half = [], forward }: Op, end: Pass): Work {
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape], index) => [name, engine.tensor(randomValues(shape.reduce((product, side) => product * side, 1), index), shape, half.includes(name) ? 'f16' : 'f32')]),
  );
  return engine.withTape((tape) => {
    for (const input of Object.values(inputs)) tape.watch(input);
    const step = engine.capture(end, () => {
      const y = forward(engine, inputs);
      if (end === 'forward') return [y];
      tape.backward([[y, engine.tensor(randomValues(y.size, 9), y.shape, y.dtype === 'f16' ? 'f16' : 'f32')]]);
      return Object.values(inputs).map((input) => tape.gradientOf(input) as Tensor);
    });
    const work = workOf(step);
    step.destroy();
    return work;
  });
}

const attention = (size: number, windowSize: number, shift: number, half: readonly string[] = []): Op => ({
  shapes: { qkv: [2, size, size, 96], table: [(2 * windowSize - 1) ** 2, 2] },
  half,
  forward: (engine, { qkv, table }) => windowAttention(engine, qkv, table, { heads: 2, windowSize, shift }),
});

const transport = (batch: number, size: number): Op => ({
  shapes: { cost: [batch, size, size], a: [batch, size], b: [batch, size] },
  forward: (engine, { cost, a, b }) => sinkhorn(engine, cost, a, b, { epsilon: 0.1, iterations: 4 }).plan,
});

const OPS: Readonly<Record<string, Op>> = {
  product: { shapes: { a: [64, 96], b: [96, 32] }, forward: (engine, { a, b }) => matmul(engine, a, b) },
  'product with a long sum': { shapes: { a: [4096, 16], b: [4096, 32] }, forward: (engine, { a, b }) => matmul(engine, a, b, { transposeA: true }) },
  'products of f16': { shapes: { a: [3, 64, 32], b: [32, 64] }, half: ['a', 'b'], forward: (engine, { a, b }) => matmul(engine, a, b) },
  'long product of f16': { shapes: { a: [4096, 16], b: [4096, 32] }, half: ['a', 'b'], forward: (engine, { a, b }) => matmul(engine, a, b, { transposeA: true }) },
  linear: { shapes: { x: [128, 32], weight: [64, 32], bias: [64], residual: [128, 64] }, forward: (engine, { x, weight, bias, residual }) => linear(engine, x, weight, bias, { residual }) },
  'linear with GELU': { shapes: { x: [128, 32], weight: [64, 32], bias: [64] }, forward: (engine, { x, weight, bias }) => linear(engine, x, weight, bias, { activation: 'gelu' }) },
  attention: attention(8, 4, 2),
  'attention of f16': attention(8, 4, 2, ['qkv']),
  'attention on a padded map': attention(7, 4, 2),
  'layer norm': { shapes: { x: [128, 64], weight: [64], bias: [64] }, forward: (engine, { x, weight, bias }) => layerNorm(engine, x, weight, bias) },
  'layer norm to f16': { shapes: { x: [128, 64], weight: [64], bias: [64] }, forward: (engine, { x, weight, bias }) => layerNorm(engine, x, weight, bias, { output: 'f16' }) },
  'batch norm of few rows': { shapes: { x: [32, 48], weight: [48], bias: [48] }, forward: (engine, { x, weight, bias }) => batchNorm(engine, x, weight, bias, { activation: 'relu' }) },
  'batch norm': { shapes: { x: [4096, 48], weight: [48], bias: [48] }, forward: (engine, { x, weight, bias }) => batchNorm(engine, x, weight, bias) },
  softmax: { shapes: { x: [128, 48] }, forward: (engine, { x }) => softmax(engine, x) },
  'rows to unit length': { shapes: { x: [128, 48] }, forward: (engine, { x }) => l2Normalize(engine, x) },
  gelu: { shapes: { x: [128, 48] }, forward: (engine, { x }) => gelu(engine, x) },
  'region pooling': { shapes: { x: [2, 8, 8, 32], masks: [2, 5, 8, 8] }, forward: (engine, { x, masks }) => regionPool(engine, x, masks).pooled },
  'column sum': { shapes: { x: [4096, 48] }, forward: (engine, { x }) => columnSum(engine, x), differentiable: false },
  sum: { shapes: { x: [128, 48] }, forward: (engine, { x }) => sum(engine, x) },
  'transport of small problems': transport(3, 12),
  'transport of grids': transport(2, 40),
  'transport of large problems': transport(1, 300),
  'relation marginals': { shapes: { o: [4, 6, 16], t: [4, 6, 16] }, forward: (engine, { o, t }) => relationMarginals(engine, o, t).a, differentiable: false },
  'augmented images': {
    shapes: { geometry: [4, 8], colour: [4, 8] },
    forward: (engine, { geometry, colour }) => augmentImages(engine, engine.tensor(new Uint32Array(3 * 256), [3, 16, 16]), engine.tensor(new Uint32Array(2), [2]), geometry, colour, { sizeOut: 16 }),
    differentiable: false,
  },
};

test('two variants of one op state the same operations and bytes, forward and backward', () =>
  withEngine(async (engine) => {
    const seen = new Set<string>();
    for (const [name, op] of Object.entries(OPS)) {
      for (const pass of op.differentiable === false ? (['forward'] as const) : (['forward', 'backward'] as const)) {
        const asked = new Map<string, Set<string>>();
        const stop = engine.observe({ choice: (family, candidates) => void asked.set(family, new Set([...(asked.get(family) ?? []), ...candidates])) });
        const rules = counted(engine, op, pass);
        stop();
        assert.ok(rules.bytes > 0, `${name}, ${pass}`);
        for (const [family, variants] of asked) {
          for (const variant of variants) {
            engine.force(family, variant);
            try {
              assert.deepEqual(counted(engine, op, pass), rules, `${name}, ${pass}: ${family}=${variant} against the rules' choice`);
              seen.add(family);
            } catch (error) {
              // A variant that another launch of the op does not allow.
              if (!(error instanceof ZygoError)) throw error;
            } finally {
              engine.force(family, null);
            }
          }
        }
      }
    }
    assert.ok(Object.keys(VARIANT_FAMILIES).every((family) => seen.has(family)));
  }));

test('products and layers state what they must read and write, once each', () =>
  withEngine(async (engine) => {
    const [m, k, n] = [128, 32, 64];
    const layer = m * k + n * k + n;
    assert.deepEqual(counted(engine, OPS.linear, 'forward'), { flops: 2 * m * n * k, bytes: 4 * (layer + 2 * m * n) });
    assert.equal(counted(engine, OPS['linear with GELU'], 'forward').bytes, 4 * (layer + 2 * m * n), 'the values before GELU, which the backward pass needs, are written too');
    assert.equal(engine.withTape(() => workOf(engine.capture('inference', () => linear(engine, engine.zeros([m, k]), engine.zeros([n, k]), engine.zeros([n]), { activation: 'gelu' }))).bytes), 4 * (layer + m * n), 'and are not where nothing is differentiated');
    // dx = dy W; dW = dyᵀ x, with the sums of dy's columns.
    assert.deepEqual(counted(engine, OPS.linear, 'backward'), { flops: 4 * m * n * k, bytes: 4 * (m * n + n * k + m * k + (m * n + m * k + n * k + n)) });
    assert.deepEqual(counted(engine, OPS['product with a long sum'], 'forward'), { flops: 2 * 16 * 32 * 4096, bytes: 4 * (16 * 4096 + 32 * 4096 + 16 * 32) }, 'partial sums are not counted');
    const inner: Op = {
      shapes: { x: [m, k], up: [n, k], upBias: [n], down: [k, n], downBias: [k] },
      forward: (e, { x, up, upBias, down, downBias }) => mlp(e, x, { weight: up, bias: upBias }, { weight: down, bias: downBias }),
    };
    const dz = m * k + k * n + 3 * m * n;
    const gradients = m * k + m * n + k * n + k + (m * n + m * k + n * k + n) + (m * n + n * k + m * k);
    assert.equal(counted(engine, inner, 'backward').bytes, 4 * (dz + gradients), 'dz reads the values before GELU and writes GELU of them beside itself');
  }));

test('attention and layer norm state each input and each result once', () =>
  withEngine(async (engine) => {
    const [qkv, table, y, lse] = [2 * 8 * 8 * 96, 49 * 2, 2 * 8 * 8 * 32, 2 * 2 * 8 * 8];
    assert.equal(counted(engine, OPS.attention, 'forward').bytes, 4 * (qkv + table + y + lse));
    assert.equal(counted(engine, OPS.attention, 'backward').bytes, 4 * (2 * (qkv + table) + y + lse));
    assert.equal(counted(engine, OPS['attention of f16'], 'forward').bytes, 2 * (qkv + y) + 4 * (table + lse), 'the f32 copies are not counted');
    assert.deepEqual(counted(engine, OPS['layer norm'], 'backward'), { flops: 14 * 128 * 64, bytes: 12 * 128 * 64 });
    assert.equal(counted(engine, OPS['batch norm'], 'backward').bytes, 12 * 4096 * 48);
    assert.equal(counted(engine, OPS['column sum'], 'forward').bytes, 4 * (4096 * 48 + 48));
  }));
