/** Every differentiable op with random shapes, as the gradient properties check them. */
import fc from 'fast-check';
import { type Engine, type Tensor } from '../src/engine/index.js';
import { windowAttention } from '../src/kernels/attention/index.js';
import { conv2d, convolutionStem, stemWindows } from '../src/kernels/convolution/index.js';
import { add, affine, cast, gelu, relu, stochasticResidual } from '../src/kernels/elementwise/index.js';
import { concatLast, meanPool, patchEmbed, patchMerge, transpose01 } from '../src/kernels/layout/index.js';
import { bceWithLogits, contrastiveCrossEntropy, negativeCosine, transportLoss } from '../src/kernels/loss/index.js';
import { linear, matmul, mlp } from '../src/kernels/matmul/index.js';
import { batchNorm, l2Normalize, layerNorm, softmax } from '../src/kernels/normalization/index.js';
import { regionPool } from '../src/kernels/pooling/index.js';
import { mean, sum } from '../src/kernels/reduction/index.js';
import { sinkhorn } from '../src/kernels/sinkhorn/index.js';
import { seeds, values, whole } from './property-runner.js';
import { windowAttentionReference } from './reference/attention.js';
import { convolutionReference } from './reference/convolution.js';
import * as elementwise from './reference/elementwise.js';
import * as layout from './reference/layout.js';
import * as loss from './reference/loss.js';
import { linearReference, matmulReference, mlpReference } from './reference/matmul.js';
import * as normalization from './reference/normalization.js';
import { regionPoolReference } from './reference/pooling.js';
import { sinkhornReference } from './reference/sinkhorn.js';

/** One op on inputs of one shape: what `checkGradients` takes. */
export interface OperationCase {
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: Float32Array }[];
  readonly forward: (engine: Engine, inputs: Tensor[]) => Tensor;
  readonly reference: (inputs: Float64Array[]) => ArrayLike<number>;
  /** Largest error of a gradient where the op rounds more than f32 does. */
  readonly backwardTolerance?: number;
}

const shapeOf = (most: number): fc.Arbitrary<number[]> => fc.array(whole(1, most), { minLength: 1, maxLength: 4 });

function unary(op: (engine: Engine, x: Tensor) => Tensor, reference: (x: Float64Array) => ArrayLike<number>): fc.Arbitrary<OperationCase> {
  return fc.record({ shape: shapeOf(9), seed: seeds }).map(({ shape, seed }) => ({
    inputs: [values(shape, seed, 3)],
    forward: (engine, [x]) => op(engine, x),
    reference: ([x]) => reference(x),
  }));
}

const total = (x: Float64Array): number => x.reduce((all, value) => all + value, 0);

/** Masses of 1 each, spread over [0.2, 1.8] of their mean. */
function masses(batch: number, count: number, seed: number): { shape: number[]; data: Float32Array } {
  const { data } = values([batch, count], seed, 0.8, 1);
  return { shape: [batch, count], data: data.map((value, index) => value / total(Float64Array.from(data.subarray(index - (index % count), index - (index % count) + count)))) };
}

const matmuls = fc
  .record({
    batch: whole(1, 3),
    m: whole(1, 20),
    n: whole(1, 20),
    k: whole(1, 40),
    sharedB: fc.boolean(),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    seed: seeds,
  })
  .map(({ seed, ...sizes }): OperationCase => {
    const { batch, m, n, k, sharedB, transposeA, transposeB } = sizes;
    const shapeB = transposeB ? [n, k] : [k, n];
    return {
      inputs: [values([batch, ...(transposeA ? [k, m] : [m, k])], seed), values(sharedB ? shapeB : [batch, ...shapeB], seed + 1)],
      forward: (engine, [a, b]) => matmul(engine, a, b, { transposeA, transposeB }),
      reference: ([a, b]) => matmulReference(a, b, sizes),
    };
  });

const joinedMatmuls = fc
  .record({ first: whole(1, 3), second: whole(2, 3), m: whole(1, 9), n: whole(1, 9), k: whole(1, 9), seed: seeds })
  .map(({ first, second, m, n, k, seed }): OperationCase => ({
    // Batches [first, 1] and [second]: every a meets every b.
    inputs: [values([first, 1, m, k], seed), values([second, k, n], seed + 1)],
    forward: (engine, [a, b]) => matmul(engine, a, b),
    reference: ([a, b]) => {
      const pairs = Array.from({ length: first * second }, (_, pair) => [Math.floor(pair / second) * m * k, (pair % second) * k * n]);
      return pairs.flatMap(([atA, atB]) => [...matmulReference(a.subarray(atA, atA + m * k), b.subarray(atB, atB + k * n), { m, n, k })]);
    },
  }));

const linears = fc
  .record({ leading: fc.array(whole(1, 6), { maxLength: 2 }), inputs: whole(1, 30), outputs: whole(1, 30), gelu: fc.boolean(), bias: fc.boolean(), residual: fc.boolean(), seed: seeds })
  .map(({ leading, inputs, outputs, gelu: withGelu, bias, residual, seed }): OperationCase => {
    const tokens = leading.reduce((product, size) => product * size, 1);
    const split = (rest: readonly (Tensor | undefined)[]) => ({ bias: bias ? rest[0] : undefined, residual: residual ? rest[bias ? 1 : 0] : undefined });
    return {
      inputs: [
        values([...leading, inputs], seed),
        values([outputs, inputs], seed + 1),
        ...(bias ? [values([outputs], seed + 2)] : []),
        ...(residual ? [values([...leading, outputs], seed + 3)] : []),
      ],
      forward: (engine, [x, weight, ...rest]) => {
        const given = split(rest);
        return linear(engine, x, weight, given.bias ?? null, { activation: withGelu ? 'gelu' : 'none', residual: given.residual });
      },
      reference: ([x, weight, ...rest]) =>
        linearReference(x, weight, bias ? rest[0] : null, residual ? rest[bias ? 1 : 0] : null, { tokens, inputs, outputs, gelu: withGelu }),
    };
  });

const mlps = fc
  .record({ tokens: whole(1, 30), inputs: whole(1, 20), hidden: whole(1, 30), outputs: whole(1, 20), seed: seeds })
  .map(({ seed, ...sizes }): OperationCase => {
    const { tokens, inputs, hidden, outputs } = sizes;
    const shapes = [[tokens, inputs], [hidden, inputs], [hidden], [outputs, hidden], [outputs], [tokens, outputs]];
    return {
      inputs: shapes.map((shape, index) => values(shape, seed + index)),
      forward: (engine, [x, up, upBias, down, downBias, residual]) => mlp(engine, x, { weight: up, bias: upBias }, { weight: down, bias: downBias }, { residual }),
      reference: ([x, up, upBias, down, downBias, residual]) => [...mlpReference({ x, up, upBias, down, downBias, residual }, sizes)],
    };
  });

const convolutions = fc
  .record({
    batch: whole(1, 2),
    height: whole(3, 9),
    width: whole(3, 9),
    channels: whole(1, 5),
    outputs: whole(1, 6),
    kernelHeight: whole(1, 3),
    kernelWidth: whole(1, 3),
    stride: whole(1, 3),
    padding: whole(0, 2),
    gelu: fc.boolean(),
    seed: seeds,
  })
  .map(({ seed, ...sizes }): OperationCase => {
    const { batch, height, width, channels, outputs, kernelHeight, kernelWidth, stride, padding, gelu: withGelu } = sizes;
    return {
      inputs: [values([batch, height, width, channels], seed), values([outputs, kernelHeight, kernelWidth, channels], seed + 1), values([outputs], seed + 2)],
      forward: (engine, [x, weight, bias]) => conv2d(engine, x, weight, bias, { stride, padding, activation: withGelu ? 'gelu' : 'none' }),
      reference: ([x, weight, bias]) => convolutionReference(x, weight, bias, sizes),
    };
  });

/** Two convolutions with GELU between them, on the windows of an image. */
const stems: fc.Arbitrary<OperationCase> = fc
  .record({ batch: whole(1, 2), height: whole(3, 9), width: whole(3, 9), channels: whole(1, 4), middle: whole(1, 6), outputs: whole(1, 6), stride: whole(1, 2), seed: seeds })
  .map(({ batch, height, width, channels, middle, outputs, stride, seed }) => {
    const window = { kernel: 3, stride, padding: 1 };
    const shape = { batch, kernelHeight: 3, kernelWidth: 3, stride, padding: 1 };
    const after = (length: number) => Math.floor((length - 1) / stride) + 1;
    return {
      inputs: [[batch, height, width, channels], [middle, 3, 3, channels], [middle], [outputs, 3, 3, middle], [outputs]].map((size, index) => values(size, seed + index)),
      forward: (engine, [x, up, upBias, down, downBias]) =>
        convolutionStem(engine, stemWindows(engine, x, window), [batch, height, width], { weight: up, bias: upBias }, { weight: down, bias: downBias }, window),
      reference: ([x, up, upBias, down, downBias]) => {
        const hidden = convolutionReference(x, up, upBias, { ...shape, height, width, channels, outputs: middle, gelu: true });
        return convolutionReference(hidden, down, downBias, { ...shape, height: after(height), width: after(width), channels: middle, outputs });
      },
    };
  });

/** Rows of at least three: a normalised pair is ±1 whatever its input, so that its gradient is all cancellation. */
function normalisations(leastRows: number, op: (engine: Engine, x: Tensor, weight: Tensor, bias: Tensor) => Tensor, reference: (x: Float64Array, weight: Float64Array, bias: Float64Array) => Float64Array): fc.Arbitrary<OperationCase> {
  return fc.record({ rows: whole(leastRows, 40), columns: whole(leastRows === 1 ? 3 : 1, 70), seed: seeds }).map(({ rows, columns, seed }) => ({
    inputs: [values([rows, columns], seed, 2), values([columns], seed + 1, 1, 1.5), values([columns], seed + 2)],
    forward: (engine, [x, weight, bias]) => op(engine, x, weight, bias),
    reference: ([x, weight, bias]) => reference(x, weight, bias),
  }));
}

function rowwise(op: (engine: Engine, x: Tensor) => Tensor, reference: (x: Float64Array, columns: number) => ArrayLike<number>): fc.Arbitrary<OperationCase> {
  return fc.record({ rows: whole(1, 30), columns: whole(2, 70), seed: seeds }).map(({ rows, columns, seed }) => ({
    inputs: [values([rows, columns], seed, 2)],
    forward: (engine, [x]) => op(engine, x),
    reference: ([x]) => reference(x, columns),
  }));
}

const maps = fc.record({ batch: whole(1, 3), height: whole(1, 9), width: whole(1, 9), channels: whole(1, 9), seed: seeds });

const attentions = fc
  .record({ batch: whole(1, 2), height: whole(1, 5), width: whole(1, 5), heads: whole(1, 2), headDim: whole(6, 8), shift: whole(0, 1), seed: seeds })
  .map(({ seed, ...shape }): OperationCase => {
    const options = { ...shape, windowSize: 2 };
    const { batch, height, width, heads, headDim, windowSize, shift } = options;
    const padded = height % 2 !== 0 || width % 2 !== 0;
    const triple = 3 * heads * headDim;
    return {
      inputs: [values([batch, height, width, triple], seed, 1.5), values([9, heads], seed + 1), ...(padded ? [values([triple], seed + 2)] : [])],
      forward: (engine, [qkv, table, padQkv]) => windowAttention(engine, qkv, table, { heads, windowSize, shift, padQkv }),
      reference: ([qkv, table, padQkv]) => windowAttentionReference(options, qkv, table, padQkv ?? new Float64Array(0)),
    };
  });

const poolings = fc.tuple(maps, whole(1, 6)).map(([{ seed, ...map }, regions]): OperationCase => {
  const { batch, height, width, channels } = map;
  return {
    inputs: [values([batch, height, width, channels], seed), values([batch, regions, height, width], seed + 1, 0.5, 0.6)],
    forward: (engine, [x, masks]) => regionPool(engine, x, masks).pooled,
    reference: ([x, masks]) => regionPoolReference({ ...map, regions }, x, masks),
  };
});

const transports = fc
  .record({
    batch: whole(1, 3),
    n: whole(2, 9),
    m: whole(2, 9),
    epsilon: fc.constantFrom(0.1, 0.2, 0.5, 1),
    iterations: whole(1, 12),
    rho: fc.option(fc.constantFrom(0.3, 1), { nil: undefined }),
    seed: seeds,
  })
  .map(({ seed, ...shape }): OperationCase => {
    const { batch, n, m, epsilon, iterations, rho } = shape;
    return {
      inputs: [values([batch, n, m], seed, 0.5, 0.5), masses(batch, n, seed + 1), masses(batch, m, seed + 2)],
      forward: (engine, [cost, a, b]) => sinkhorn(engine, cost, a, b, { epsilon, iterations, rho }).plan,
      reference: ([cost, a, b]) => sinkhornReference(shape, cost, a, b),
    };
  });

const crossEntropies = fc
  .record({ rows: whole(1, 30), columns: whole(1, 12), soft: fc.boolean(), seed: seeds })
  .map(({ rows, columns, soft, seed }): OperationCase => {
    const labels = values([rows, columns], seed + 1, 0.5, 0.5).data;
    // Hard labels: absent, present, unknown; the first is known, so that there is a loss.
    const hard = labels.map((value, index) => (index === 0 ? 1 : [0, 1, 9][Math.floor(value * 3)]));
    const { data: weight } = values([columns], seed + 2, 0.9, 1);
    return {
      inputs: [values([rows, columns], seed, 3)],
      forward: (engine, [logits]) => {
        const targets = soft ? engine.tensor(labels, [rows, columns]) : engine.tensor(Uint32Array.from(hard), [rows, columns]);
        return bceWithLogits(engine, logits, targets, engine.tensor(weight, [columns]));
      },
      reference: ([logits]) => (soft ? [softCrossEntropy(logits, labels, weight)] : [loss.bceWithLogits(logits, hard, weight)]),
    };
  });

/** Mean of t w softplus(−x) + (1 − t) softplus(x). */
function softCrossEntropy(logits: Float64Array, targets: ArrayLike<number>, weight: ArrayLike<number>): number {
  const softplus = (x: number): number => Math.log1p(Math.exp(x));
  return total(logits.map((x, i) => targets[i] * weight[i % weight.length] * softplus(-x) + (1 - targets[i]) * softplus(x))) / logits.length;
}

const contrasts = fc
  .record({ groups: whole(1, 3), count: whole(2, 20), temperature: fc.constantFrom(0.2, 0.5, 1), exclude: fc.boolean(), seed: seeds })
  .map(({ groups, count, temperature, exclude, seed }): OperationCase => {
    // Pairs of columns share a group; three columns at least, so that a row keeps a negative.
    const groupOf = exclude && count > 2 ? Int32Array.from({ length: count }, (_, column) => Math.floor(column / 2)) : undefined;
    return {
      inputs: [values([groups, count, count], seed)],
      forward: (engine, [logits]) => contrastiveCrossEntropy(engine, logits, { temperature, groups: groupOf && engine.tensor(groupOf, [count]) }),
      reference: ([logits]) => [loss.contrastive(logits, count, temperature, groupOf)],
    };
  });

const cosines = fc.record({ rows: whole(1, 30), columns: whole(2, 40), seed: seeds }).map(({ rows, columns, seed }): OperationCase => {
  const target = values([rows, columns], seed + 1);
  return {
    inputs: [values([rows, columns], seed)],
    forward: (engine, [p]) => negativeCosine(engine, p, engine.tensor(target.data, target.shape)),
    reference: ([p]) => [loss.negativeCosine(p, target.data, columns)],
  };
});

const transportLosses = fc.record({ batch: whole(1, 4), n: whole(1, 9), m: whole(1, 9), seed: seeds }).map(({ batch, n, m, seed }): OperationCase => ({
  inputs: [values([batch, n, m], seed, 0.5, 0.5), values([batch, n, m], seed + 1)],
  forward: (engine, [plan, cost]) => transportLoss(engine, plan, cost),
  reference: ([plan, cost]) => [loss.transportLoss(plan, cost, batch)],
}));

/** Ops by a name for people. */
export const OPERATIONS: Readonly<Record<string, fc.Arbitrary<OperationCase>>> = {
  matmul: matmuls,
  'matmul of joined batches': joinedMatmuls,
  linear: linears,
  MLP: mlps,
  conv2d: convolutions,
  'convolutional stem': stems,
  'layer norm': normalisations(1, layerNorm, normalization.layerNorm),
  'batch norm': normalisations(3, batchNorm, normalization.batchNorm),
  'L2 norm': rowwise(l2Normalize, normalization.l2Normalize),
  softmax: rowwise(softmax, normalization.softmax),
  GELU: unary(gelu, elementwise.gelu),
  ReLU: unary(relu, elementwise.relu),
  affine: unary((engine, x) => affine(engine, x, -1.5, 0.25), (x) => x.map((value) => 0.25 - 1.5 * value)),
  sum: unary(sum, (x) => [total(x)]),
  mean: unary(mean, (x) => [total(x) / x.length]),
  add: fc.record({ shape: shapeOf(9), seed: seeds }).map(({ shape, seed }) => ({
    inputs: [values(shape, seed), values(shape, seed + 1)],
    forward: (engine, [a, b]) => add(engine, a, b),
    reference: ([a, b]) => a.map((value, index) => value + b[index]),
  })),
  // Values that f16 holds exactly; the gradient is rounded to f16 on its way.
  cast: fc.record({ shape: shapeOf(9), seed: seeds }).map(({ shape, seed }) => {
    const { data } = values(shape, seed);
    return {
      inputs: [{ shape, data: data.map((value) => Math.round(64 * value) / 64) }],
      forward: (engine, [x]) => cast(engine, cast(engine, x, 'f16'), 'f32'),
      reference: ([x]) => x,
      backwardTolerance: 1e-3,
    };
  }),
  'stochastic depth': fc.record({ shape: shapeOf(9), seed: seeds }).map(({ shape, seed }) => {
    const [samples] = shape;
    const draws = values([samples], seed + 2).data.map((value) => Math.abs(value) % 1);
    const perSample = shape.slice(1).reduce((product, length) => product * length, 1);
    const factor = (index: number) => (draws[Math.floor(index / perSample)] < 0.25 ? 0 : 1 / 0.75);
    return {
      inputs: [values(shape, seed), values(shape, seed + 1)],
      forward: (engine, [x, z]) => stochasticResidual(engine, x, z, engine.tensor(draws, [samples]), 0.25),
      reference: ([x, z]) => x.map((value, index) => value + factor(index) * z[index]),
    };
  }),
  transpose: fc.record({ shape: fc.array(whole(1, 9), { minLength: 2, maxLength: 4 }), seed: seeds }).map(({ shape, seed }) => ({
    inputs: [values(shape, seed)],
    forward: (engine, [x]) => transpose01(engine, x),
    reference: ([x]) => layout.transpose01(x, shape[0], shape[1]),
  })),
  concat: fc.record({ rows: whole(1, 9), widths: fc.array(whole(1, 9), { minLength: 1, maxLength: 4 }), seed: seeds }).map(({ rows, widths, seed }) => ({
    inputs: widths.map((width, index) => values([rows, width], seed + index)),
    forward: (engine, parts) => concatLast(engine, parts),
    reference: (parts) => layout.concatLast(parts, widths),
  })),
  'patch embedding': maps.map(({ batch, height, width, channels, seed }) => {
    const [rows, columns] = [4 * Math.ceil(height / 4), 4 * Math.ceil(width / 4)];
    return {
      inputs: [values([batch, rows, columns, channels], seed)],
      forward: (engine, [x]) => patchEmbed(engine, x),
      reference: ([x]) => layout.patchify(x, batch, rows, columns, channels, 4),
    };
  }),
  'patch merging': maps.map(({ batch, height, width, channels, seed }) => ({
    inputs: [values([batch, height, width, channels], seed)],
    forward: (engine, [x]) => patchMerge(engine, x),
    reference: ([x]) => layout.patchMerge(x, batch, height, width, channels),
  })),
  'mean pool': maps.map(({ batch, height, width, channels, seed }) => ({
    inputs: [values([batch, height * width, channels], seed)],
    forward: (engine, [x]) => meanPool(engine, x),
    reference: ([x]) => layout.meanPool(x, batch, height * width, channels),
  })),
  'window attention': attentions,
  'region pooling': poolings,
  sinkhorn: transports,
  'binary cross entropy': crossEntropies,
  'contrastive cross entropy': contrasts,
  'negative cosine': cosines,
  'transport loss': transportLosses,
};
