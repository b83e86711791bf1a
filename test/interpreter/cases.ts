/**
 * Small problems that together launch every kernel: a workgroup or a few of each, with ragged edges. The interpreter
 * takes about a microsecond per command, so nothing here is larger than it has to be to fill a workgroup.
 */
import type { Engine, KernelCall, Tensor } from '../../src/engine/index.js';
import { windowAttention } from '../../src/kernels/attention/index.js';
import { augmentationParameters, augmentImages, augmentLandmarks } from '../../src/kernels/augment/index.js';
import { conv2d, convolutionStem, stemWindows } from '../../src/kernels/convolution/index.js';
import { accumulate, add, affine, cast, filled, gelu, relu, stochasticResidual } from '../../src/kernels/elementwise/index.js';
import { concatLast, gatherRows, gatherSmall, meanPool, patchify, patchMerge, transpose01 } from '../../src/kernels/layout/index.js';
import * as loss from '../../src/kernels/loss/index.js';
import { launchProduct, linear, matmul, mlp, type MatmulOptions } from '../../src/kernels/matmul/index.js';
import { batchNorm, l2Normalize, layerNorm, softmax } from '../../src/kernels/normalization/index.js';
import { adamw, adamwHyper, clipScale, clipScaledGradients, ema, initialLossScale, LOSS_SCALE } from '../../src/kernels/optimizer/index.js';
import { regionPool } from '../../src/kernels/pooling/index.js';
import { philox, uniform } from '../../src/kernels/random/index.js';
import { columnSum, dotOf, finishColumnSums, finishSums, mean, scaleByScalar, sum, sumOf } from '../../src/kernels/reduction/index.js';
import { auCentres, auMaps } from '../../src/kernels/regions/index.js';
import { sinkhorn } from '../../src/kernels/sinkhorn/index.js';
import { randomValues } from '../helpers.js';
import type { RaceCase } from './record.js';

type Shape = readonly number[];
const size = (shape: Shape) => shape.reduce((product, dimension) => product * dimension, 1);

/** Random numbers in [offset - 1, offset + 1) on the device. */
function upload(engine: Engine, shape: Shape, seed: number, offset = 0): Tensor {
  return engine.tensor(randomValues(size(shape), seed).map((value) => value + offset), shape);
}

/** Rows of positive numbers that sum to `total`. */
function masses(engine: Engine, rows: number, columns: number, seed: number, zero = false, total = 1): Tensor {
  const values = randomValues(rows * columns, seed).map((value, index) => (zero && index % columns === 1 ? 0 : 1.5 + value));
  return engine.tensor(
    values.map((value, index) => {
      const from = index - (index % columns);
      return (total * value) / values.subarray(from, from + columns).reduce((sum, part) => sum + part, 0);
    }),
    [rows, columns],
  );
}

/** A case of a differentiable op: forward and backward, with random inputs of these shapes. */
function op(name: string, shapes: readonly Shape[], forward: (engine: Engine, ...inputs: Tensor[]) => Tensor): RaceCase {
  return {
    name: `${name} ${shapes.map((shape) => `[${shape.join(', ')}]`).join(' ')}`,
    run(engine) {
      const inputs = shapes.map((shape, index) => upload(engine, shape, index + 1));
      engine.withTape((tape) => {
        for (const input of inputs) tape.watch(input);
        const y = forward(engine, ...inputs);
        tape.backward([[y, upload(engine, y.shape, 99)]]);
      });
    },
  };
}

/** A case of something that has no gradient. */
function plain(name: string, run: (engine: Engine) => unknown): RaceCase {
  return { name, run };
}

const elementwise: RaceCase[] = [
  op('add', [[270], [270]], add),
  op('affine', [[270]], (engine, x) => affine(engine, x, 1.5, 0.25)),
  op('gelu', [[270]], gelu),
  op('relu', [[270]], relu),
  op('stochasticResidual', [[3, 7], [3, 7]], (engine, x, z) => stochasticResidual(engine, x, z, engine.tensor([0.1, 0.9, 0.3], [3]), 0.25)),
  op('cast there and back', [[270]], (engine, x) => cast(engine, cast(engine, x, 'f16'), 'f32')),
  op('gelu of an f16 linear layer', [[10, 4], [26, 4]], (engine, x, weight) => {
    const y = linear(engine, cast(engine, x, 'f16'), cast(engine, weight, 'f16'), null, { activation: 'gelu' });
    return cast(engine, y, 'f32');
  }),
  plain('fill', (engine) => filled(engine, [270], 2.5)),
  plain('accumulate', (engine) => accumulate(engine, upload(engine, [270], 1), upload(engine, [270], 2))),
];

const layout: RaceCase[] = [
  op('patchMerge, odd', [[1, 5, 3, 6]], patchMerge),
  op('patchMerge, vectors', [[1, 4, 4, 8]], patchMerge),
  op('patchify', [[1, 8, 4, 3]], (engine, x) => patchify(engine, x, 4)),
  op('meanPool', [[2, 6, 5]], meanPool),
  op('transpose01', [[5, 7, 3]], transpose01),
  op('concatLast', [[9, 3], [9, 6]], (engine, a, b) => concatLast(engine, [a, b])),
  plain('gatherSmall', (engine) => gatherSmall(engine, [[3], [64], [1], [2], [5], [1], [4], [7]].map((shape, index) => upload(engine, shape, index)))),
  plain('gatherRows', (engine) => gatherRows(engine, upload(engine, [6, 5], 1), engine.tensor(Uint32Array.of(3, 0, 5, 9), [4]))),
];

const convolution: RaceCase[] = [
  op('conv2d 3x3, stride 2', [[1, 5, 7, 3], [5, 3, 3, 3], [5]], (engine, x, weight, bias) => conv2d(engine, x, weight, bias, { stride: 2, padding: 1 })),
  op('convolutionStem', [[1, 6, 6, 3], [4, 3, 3, 3], [4], [4, 3, 3, 4], [4]], (engine, x, up, upBias, down, downBias) => {
    const window = { kernel: 3, stride: 2, padding: 1 };
    return convolutionStem(engine, stemWindows(engine, x, window), [1, 6, 6], { weight: up, bias: upBias }, { weight: down, bias: downBias }, window);
  }),
  op('conv2d 2x2', [[2, 4, 4, 4], [4, 2, 2, 4]], (engine, x, weight) => conv2d(engine, x, weight, null)),
];

const reduction: RaceCase[] = [
  op('sum', [[700]], sum),
  op('mean', [[130]], mean),
  plain('sumOf squares', (engine) => sumOf(engine, upload(engine, [300], 1), { map: 'square', factor: 0.5 })),
  plain('sumOf x log x', (engine) => sumOf(engine, upload(engine, [300], 1), { map: 'xLogX' })),
  plain('dotOf', (engine) => dotOf(engine, upload(engine, [300], 1), upload(engine, [300], 2), 2)),
  plain('scaleByScalar', (engine) => scaleByScalar(engine, upload(engine, [1], 1), 3, engine.empty([270]), upload(engine, [270], 2))),
  plain('columnSum', (engine) => columnSum(engine, upload(engine, [35, 6], 1))),
  plain('columnSum, vectors', (engine) => columnSum(engine, upload(engine, [35, 8], 1))),
  plain('finishColumnSums', (engine) => {
    const sums = [{ from: 0, to: 0, columns: 12, shares: 20, stride: 12, slices: 16 }, { from: 240, to: 33, columns: 7, shares: 3, stride: 9, slices: 1 }];
    finishColumnSums(engine, upload(engine, [300], 1), engine.zeros([64]), sums);
  }),
  plain('finishSums', (engine) => {
    const sum = { stride: 1, factor: 0.5, offset: 1, squareRoots: false };
    finishSums(engine, upload(engine, [300], 1, 1), engine.zeros([8]), [{ ...sum, from: 0, to: 1, count: 200 }, { ...sum, from: 200, to: 3, count: 45, stride: 2, squareRoots: true }]);
  }),
];

const random: RaceCase[] = [
  plain('philox', (engine) => philox(engine, engine.tensor(Uint32Array.from({ length: 40 }, (_, index) => index * 7), [10, 4]), engine.tensor(Uint32Array.from({ length: 20 }, (_, index) => index), [10, 2]))),
  plain('uniform', (engine) => uniform(engine, [70], engine.tensor(Uint32Array.of(1, 2), [2]), 3)),
];

const optimizer: RaceCase[] = [
  plain('adamw', (engine) => {
    const [params, gradients, m] = [1, 2, 3].map((seed) => upload(engine, [320], seed));
    const scale = clipScale(engine, gradients, 0.5);
    const hyper = engine.tensor(adamwHyper(3, { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 }), [8]);
    adamw(engine, { params, gradients, m, v: upload(engine, [320], 4, 1), hyper, decayEnd: 64, scale });
  }),
  plain('clipScale over several workgroups', (engine) => clipScale(engine, upload(engine, [2048], 1), 0.5)),
  plain('ema', (engine) => ema(engine, { target: upload(engine, [320], 1), online: upload(engine, [320], 2), hyper: engine.tensor([0.9], [1]) })),
  plain('clipScaledGradients and a gated ema', (engine) => {
    const hyper = engine.tensor(adamwHyper(3, { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 }), [8]);
    const scale = clipScaledGradients(engine, upload(engine, [2048], 1), 0.5, { state: initialLossScale(engine), hyper, options: LOSS_SCALE });
    ema(engine, { target: upload(engine, [320], 1), online: upload(engine, [320], 2), hyper: engine.tensor([0.9], [1]), scale });
  }),
];

const AUGMENTATION = {
  cropArea: [0.6, 1] as const,
  rotation: 15,
  flip: 0.5,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.4,
  hue: 0.1,
  jitterProbability: 0.8,
  grey: 0.5,
  blur: [1, 0] as const,
  blurSigma: [0.5, 1] as const,
};

const augment: RaceCase[] = [
  plain('two views of two faces', (engine) => {
    const [batch, sizeIn, sizeOut] = [2, 9, 6];
    const stepKey = engine.tensor(Uint32Array.of(5, 6), [2]);
    const { geometry, colour } = augmentationParameters(engine, { batch, views: 2, sizeIn, sizeOut, stepKey, options: AUGMENTATION });
    const indices = engine.tensor(Uint32Array.of(2, 0), [2]);
    const images = engine.tensor(Uint32Array.from(randomValues(3 * sizeIn * sizeIn, 1), (value) => (value + 1) * 2147483647), [3, sizeIn, sizeIn]);
    augmentImages(engine, images, indices, geometry, colour, { sizeOut });
    const landmarks = upload(engine, [3, 5, 2], 2, 4);
    augmentLandmarks(engine, landmarks, indices, geometry, engine.tensor(Uint32Array.of(4, 3, 2, 1, 0), [5]));
  }),
];

const regions: RaceCase[] = [
  plain('maps of three AUs', (engine) => {
    const centres = auCentres(engine, upload(engine, [2, 49, 2], 1, 10), [1, 12, 17]);
    const indices = engine.tensor(Uint32Array.of(1, 0), [2]);
    const geometry = engine.tensor([1, 0.1, 0.5, -0.1, 1, 0.3, 0, 0, -1, 0, 16, 0, 1, 0, 1, 0], [2, 8]);
    for (const kind of ['l1', 'gaussian'] as const) auMaps(engine, centres, indices, geometry, { height: 5, width: 4, sizeOut: 16, sourceSize: 20, kind });
  }),
];

const normalized = (engine: Engine, x: Tensor, weight: Tensor, bias: Tensor) => layerNorm(engine, x, weight, bias);

const normalization: RaceCase[] = [
  op('layerNorm', [[5, 36], [36], [36]], normalized),
  op('layerNorm, floats', [[5, 37], [37], [37]], normalized),
  op('layerNorm, result f16', [[5, 36], [36], [36]], (engine, x, weight, bias) => cast(engine, layerNorm(engine, x, weight, bias, { output: 'f16' }), 'f32')),
  op('layerNorm, short rows', [[10, 3], [3], [3]], normalized),
  op('softmax', [[5, 36]], softmax),
  op('softmax, floats', [[5, 37]], softmax),
  op('l2Normalize', [[5, 36]], (engine, x) => l2Normalize(engine, x)),
  op('l2Normalize, floats', [[5, 37]], (engine, x) => l2Normalize(engine, x)),
  op('batchNorm', [[20, 6], [6], [6]], (engine, x, weight, bias) => batchNorm(engine, x, weight, bias, { running: engine.tensor([...Array(6).fill(0), ...Array(6).fill(1)] as number[], [2, 6]) })),
  op('batchNorm, vectors', [[20, 8], [8], [8]], (engine, x, weight, bias) => batchNorm(engine, x, weight, bias)),
  op('batchNorm, ReLU', [[20, 8], [8], [8]], (engine, x, weight, bias) => batchNorm(engine, x, weight, bias, { activation: 'relu' })),
  op('batchNorm, evaluation', [[20, 6], [6], [6]], (engine, x, weight, bias) =>
    batchNorm(engine, x, weight, bias, { training: false, running: engine.tensor([...Array(6).fill(0.5), ...Array(6).fill(2)] as number[], [2, 6]) }),
  ),
];

const losses: RaceCase[] = [
  op('negativeCosine', [[5, 36]], (engine, p) => loss.negativeCosine(engine, p, upload(engine, p.shape, 2))),
  op('bceWithLogits', [[40, 3]], (engine, logits) => {
    const targets = Uint32Array.from({ length: 120 }, (_, index) => [0, 1, 9][(index * 7) % 3]);
    return loss.bceWithLogits(engine, logits, engine.tensor(targets, [40, 3]), engine.tensor([1, 2, 0.5], [3]));
  }),
  op('contrastiveCrossEntropy', [[2, 9, 9]], (engine, logits) => loss.contrastiveCrossEntropy(engine, logits, { temperature: 0.2 })),
  op('contrastiveCrossEntropy, grouped', [[1, 18, 18]], (engine, logits) => {
    const groups = engine.tensor(Int32Array.from({ length: 18 }, (_, index) => index % 4), [18]);
    return loss.contrastiveCrossEntropy(engine, logits, { temperature: 0.2, groups });
  }),
  op('transportLoss', [[3, 4, 4], [3, 4, 4]], loss.transportLoss),
  plain('relationMarginals', (engine) => loss.relationMarginals(engine, upload(engine, [3, 5, 70], 1, 0.5), upload(engine, [3, 5, 70], 2, 0.5), 1e-2)),
  plain('priorUpdate', (engine) => loss.priorUpdate(engine, engine.reshape(masses(engine, 1, 81, 1), [9, 9]), upload(engine, [3, 9, 9], 2, 1), 0.75)),
  plain('featureStd', (engine) => loss.featureStd(engine, upload(engine, [20, 5], 1))),
  plain('planEntropy', (engine) => loss.planEntropy(engine, upload(engine, [3, 4, 4], 1, 1))),
];

/** Forward only. */
function product(name: string, left: Shape, right: Shape, options: MatmulOptions = {}): RaceCase {
  return plain(`matmul, ${name}`, (engine) => matmul(engine, upload(engine, left, 1), upload(engine, right, 2), options));
}

/** The tiles of matmul_block.wgsl differ in how they are staged; what is done with the results is the same in all. */
const ONE_BLOCK = ['block', 'block96', 'blockWide'];
const TWO_BLOCKS = ['block', 'block96'];
const inBlocks = (without: readonly string[], race: RaceCase): RaceCase => ({ ...race, without });

const matrixProducts: RaceCase[] = [
  // More terms than the staged kernel takes at a time.
  op('matmul', [[12, 20], [20, 8]], (engine, a, b) => matmul(engine, a, b)),
  product('ragged', [5, 7], [7, 7]),
  product('transposed', [8, 12], [8, 8], { transposeA: true, transposeB: true }),
  inBlocks(ONE_BLOCK, product('batch', [2, 8, 4], [2, 4, 8])),
  plain('matmul, inner sums in two parts', (engine) =>
    launchProduct(engine, { a: upload(engine, [4, 260], 1), b: upload(engine, [260, 4], 2), y: engine.empty([4, 4]), m: 4, n: 4, k: 260, variant: 'tile' }),
  ),
  inBlocks(
    TWO_BLOCKS,
    op('linear, gelu, residual', [[12, 8], [8, 8], [8], [12, 8]], (engine, x, weight, bias, residual) => linear(engine, x, weight, bias, { activation: 'gelu', residual })),
  ),
  inBlocks(
    TWO_BLOCKS,
    op('linear in f16, gelu, residual', [[12, 8], [8, 8], [8], [12, 8]], (engine, ...inputs) => {
      const [x, weight, bias, residual] = inputs.map((input, index) => (index === 2 ? input : cast(engine, input, 'f16')));
      return linear(engine, x, weight, bias, { activation: 'gelu', residual });
    }),
  ),
  inBlocks(
    ONE_BLOCK,
    op('mlp', [[5, 4], [8, 4], [8], [4, 8], [4]], (engine, x, up, upBias, down, downBias) => mlp(engine, x, { weight: up, bias: upBias }, { weight: down, bias: downBias })),
  ),
  inBlocks(
    ONE_BLOCK,
    op('mlp in f16', [[5, 4], [8, 4], [8], [4, 8], [4]], (engine, x, up, upBias, down, downBias) => {
      const [left, upper, lower] = [x, up, down].map((operand) => cast(engine, operand, 'f16'));
      return mlp(engine, left, { weight: upper, bias: upBias }, { weight: lower, bias: downBias }, { output: 'f32' });
    }),
  ),
  plain('matmul of f16, more terms than are staged at a time', (engine) =>
    matmul(engine, cast(engine, upload(engine, [4, 36], 1), 'f16'), cast(engine, upload(engine, [36, 4], 2), 'f16')),
  ),
  plain('matmul of f16, ragged, f32 result', (engine) =>
    matmul(engine, cast(engine, upload(engine, [5, 7], 1), 'f16'), cast(engine, upload(engine, [7, 7], 2), 'f16'), { output: 'f32' }),
  ),
  plain('matmul of f16, transposed, f32 result', (engine) =>
    matmul(engine, cast(engine, upload(engine, [8, 12], 1), 'f16'), cast(engine, upload(engine, [8, 8], 2), 'f16'), { transposeA: true, transposeB: true, output: 'f32' }),
  ),
];

function attentionCase(height: number, width: number, heads: number, headDim: number, windowSize: number, shift: number): RaceCase {
  const channels = heads * headDim;
  const shapes = [[1, height, width, 3 * channels], [(2 * windowSize - 1) ** 2, heads], [3 * channels]];
  return op(`attention, window ${windowSize}, shift ${shift}`, shapes, (engine, qkv, table, padQkv) =>
    windowAttention(engine, qkv, table, { heads, windowSize, shift, padQkv }),
  );
}

const attention: RaceCase[] = [
  attentionCase(6, 6, 2, 4, 3, 1),
  attentionCase(4, 4, 1, 3, 2, 0),
  attentionCase(3, 5, 1, 4, 2, 1),
  // Score rows in two blocks: all of them do not fit workgroup memory.
  attentionCase(8, 8, 1, 1, 8, 0),
  // Two windows one after the other, which only a large map gives a workgroup.
  plain('attention backward by rows, two windows in a group', (engine) => {
    const [qkv, table, y, dy, lse] = [[1, 2, 4, 12], [9, 1], [1, 2, 4, 4], [1, 2, 4, 4], [1, 1, 2, 4]].map((shape, index) => upload(engine, shape, index + 1));
    const dqkv = engine.empty([1, 2, 4, 12]);
    engine.dispatch({
      shader: 'attention/window_attention_backward_rows',
      constants: { WINDOW: 2, HEAD_DIM: 4, SHIFTED: true, LANES: 4, SLOTS: 1 },
      tensors: { qkv, table, y, dy, lse, dqkv, partial: engine.empty([1, 9]) },
      params: { images: 1, heads: 1, height: 2, width: 4, windows_y: 1, windows_x: 2, shift_y: 0, shift_x: 1, windows_per_group: 2, groups: 1, scale: 0.5 },
      workgroups: [1],
    });
    return dqkv;
  }),
];

const pooling: RaceCase[] = [
  op('regionPool', [[1, 3, 3, 8], [1, 3, 3, 3]], (engine, x, masks) => regionPool(engine, x, masks).pooled),
  op('regionPool, ragged', [[2, 2, 3, 5], [2, 6, 2, 3]], (engine, x, masks) => regionPool(engine, x, masks).pooled),
];

function sinkhornCase(name: string, [batch, n, m]: readonly [number, number, number], options: Partial<Parameters<typeof sinkhorn>[4]> & { zero?: boolean; total?: number; excess?: number }): RaceCase {
  const { zero, total = 1, excess = 1, ...rest } = options;
  return {
    name: `sinkhorn, ${name} [${batch}, ${n}, ${m}]`,
    run(engine) {
      const inputs = [upload(engine, [batch, n, m], 1, 1), masses(engine, batch, n, 2, zero, total), masses(engine, batch, m, 3, false, total * excess)] as const;
      engine.withTape((tape) => {
        for (const input of inputs) tape.watch(input);
        const { plan } = sinkhorn(engine, ...inputs, { epsilon: 0.2, iterations: 3, ...rest });
        tape.backward([[plan, upload(engine, plan.shape, 9)]]);
      });
    },
  };
}

/** The same, with matrices kept in storage memory as those that are too large for workgroup memory. */
function inStorage({ name, run }: RaceCase): RaceCase {
  return {
    name: `${name}, matrix in storage memory`,
    run(engine) {
      const dispatch = (call: KernelCall) => {
        const small = call.shader === 'sinkhorn/sinkhorn_backward';
        engine.dispatch(small ? { ...call, constants: { ...call.constants, IN_WORKGROUP: false, SUMS: 1 } } : call);
      };
      return run(Object.create(engine, { dispatch: { value: dispatch } }) as Engine);
    },
  };
}

/** The same in one variant and no other. */
function only(variant: string, { name, run }: RaceCase): RaceCase {
  return {
    name: `${name}, ${variant}`,
    run(engine) {
      engine.force('sinkhorn', variant);
      return run(engine);
    },
  };
}

const transport: RaceCase[] = [
  sinkhornCase('hard marginals', [2, 3, 4], {}),
  sinkhornCase('relaxed, a zero mass', [1, 5, 3], { rho: 1, zero: true }),
  inStorage(sinkhornCase('hard marginals', [2, 3, 4], {})),
  // The gradient walks back past the balance that is kept every 16 iterations.
  sinkhornCase('many iterations', [1, 2, 3], { iterations: 18, epsilon: 0.02 }),
  // Columns ask for e³ as much as rows have: scalings leave their range, and the launches in the log domain have something to do.
  sinkhornCase('out of range', [1, 2, 3], { iterations: 14, excess: Math.exp(3) }),
  sinkhornCase('stops early', [2, 3, 3], { iterations: 10, tolerance: 10 }),
  // So little mass that the first sums of columns are out of range.
  sinkhornCase('little mass', [1, 2, 5], { total: 1e-15 }),
  // Large enough for a grid of lanes, and nothing else: that takes the interpreter long. Its gradient walks back past the balance.
  only('grid', sinkhornCase('a grid', [1, 17, 17], { iterations: 17, epsilon: 0.1 })),
  // Two problems of a workgroup, two blocks of lines; one stops before the other.
  only('lanes', sinkhornCase('two blocks', [2, 3, 5], { iterations: 6, tolerance: 0.02 })),
  {
    name: 'sinkhorn with a prior',
    run: (engine) => sinkhorn(engine, upload(engine, [2, 3, 4], 1, 1), masses(engine, 2, 3, 2), masses(engine, 2, 4, 3), { epsilon: 0.2, iterations: 2, prior: upload(engine, [3, 4], 4, 1) }),
  },
];

/** Cases by the folder below shaders/ whose kernels they reach. */
export const RACE_CASES: Readonly<Record<string, readonly RaceCase[]>> = {
  attention,
  augment,
  convolution,
  elementwise,
  layout,
  loss: losses,
  matmul: matrixProducts,
  normalization,
  optimizer,
  pooling,
  random,
  reduction,
  regions,
  sinkhorn: transport,
};
