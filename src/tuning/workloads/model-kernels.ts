/** Kernels with a shape of their own: attention, layer norm, pooling, transport, augmentation, sums over rows. */
import type { Engine, Tensor } from '../../engine/index.js';
import { windowAttention } from '../../kernels/attention/index.js';
import { augmentImages, identityGeometry } from '../../kernels/augment/index.js';
import { relationMarginals } from '../../kernels/loss/index.js';
import { batchNorm, l2Normalize, layerNorm, softmax } from '../../kernels/normalization/index.js';
import { regionPool } from '../../kernels/pooling/index.js';
import { readProblemKey } from '../../kernels/problem-key.js';
import { columnSum, finishColumnSum } from '../../kernels/reduction/index.js';
import { sinkhorn } from '../../kernels/sinkhorn/index.js';
import { positiveInput, signedInput, syntheticValues } from './inputs.js';
import { backwardWorkload, plainWorkload, type Workload } from './workload.js';

/** Family 'attention-forward', or 'attention-backward': the backward kernel and the sums of its table gradient. */
export function attentionWorkload(engine: Engine, problem: string, pass: 'forward' | 'backward'): Workload {
  const key = readProblemKey(problem);
  const [b, h, w, c, heads, windowSize] = ['b', 'h', 'w', 'c', 'a', 's'].map((name) => key.size(name));
  const qkv = signedInput(engine, [b, h, w, 3 * c]);
  const table = signedInput(engine, [(2 * windowSize - 1) ** 2, heads]);
  const padQkv = signedInput(engine, [3 * c]);
  const options = { heads, windowSize, shift: key.has('shifted') ? Math.floor(windowSize / 2) : 0, padQkv };
  const forward = () => windowAttention(engine, qkv, table, options);
  if (pass === 'forward') return plainWorkload(engine, () => [engine.noGrad(forward)]);
  return backwardWorkload(engine, [qkv, table], forward, signedInput(engine, [b, h, w, c]));
}

/** Family 'column-shares': a sum over rows, in vec4 as nearly all of them are. */
export function columnSharesWorkload(engine: Engine, problem: string): Workload {
  const key = readProblemKey(problem);
  const x = signedInput(engine, [key.size('r'), 4 * key.size('c')]);
  return plainWorkload(engine, () => [columnSum(engine, x)]);
}

/** Family 'column-finish': the second stage of such a sum alone. */
export function columnFinishWorkload(engine: Engine, problem: string): Workload {
  const key = readProblemKey(problem);
  const partial = signedInput(engine, [key.size('s'), key.size('c')]);
  const y = engine.empty([key.size('c')]);
  return plainWorkload(engine, () => {
    finishColumnSum(engine, partial, 0, y);
    return [y];
  });
}

/** The forward pass of a normalisation with a weight and a bias, or all gradients, as the key says. */
function normWorkload(engine: Engine, problem: string, normalize: (engine: Engine, x: Tensor, weight: Tensor, bias: Tensor) => Tensor): Workload {
  const key = readProblemKey(problem);
  const [rows, columns] = [key.size('r'), key.size('c')];
  const inputs = [signedInput(engine, [rows, columns]), positiveInput(engine, [columns]), signedInput(engine, [columns])] as const;
  const forward = () => normalize(engine, ...inputs);
  if (!key.has('backward')) return plainWorkload(engine, () => [engine.noGrad(forward)]);
  // Backwards: the gradient of a batch norm's input is 0 where dy is the input itself, and rounding all that is compared.
  return backwardWorkload(engine, inputs, forward, engine.tensor(syntheticValues(rows * columns, 'f32', true).reverse(), [rows, columns]));
}

/** Family 'layer-norm'. */
export function layerNormWorkload(engine: Engine, problem: string): Workload {
  const output = readProblemKey(problem).has('halfY') ? 'f16' : 'f32';
  return normWorkload(engine, problem, (...given) => layerNorm(...given, { output }));
}

/** Family 'batch-norm'. */
export const batchNormWorkload = (engine: Engine, problem: string): Workload => normWorkload(engine, problem, batchNorm);

/** Family 'softmax': the forward pass, or the gradient. */
export function softmaxWorkload(engine: Engine, problem: string): Workload {
  const key = readProblemKey(problem);
  const shape = [key.size('r'), key.size('c')];
  const x = signedInput(engine, shape);
  const forward = () => softmax(engine, x);
  if (!key.has('backward')) return plainWorkload(engine, () => [engine.noGrad(forward)]);
  return backwardWorkload(engine, [x], forward, signedInput(engine, shape));
}

/** Families 'region-pool', 'region-pool-backward' (the gradient of the features) and 'region-pool-maps' (that of the maps). */
export function regionPoolWorkload(engine: Engine, problem: string, pass: 'forward' | 'backward' | 'maps'): Workload {
  const key = readProblemKey(problem);
  const [b, h, w, c, r] = ['b', 'h', 'w', 'c', 'r'].map((name) => key.size(name));
  const x = signedInput(engine, [b, h, w, c]);
  const masks = positiveInput(engine, [b, r, h, w]);
  const forward = () => regionPool(engine, x, masks).pooled;
  if (pass === 'forward') return plainWorkload(engine, () => [engine.noGrad(forward)]);
  return backwardWorkload(engine, [pass === 'maps' ? masks : x], forward, signedInput(engine, [b, r, c]));
}

/** Family 'relation-marginals'. */
export function relationMarginalsWorkload(engine: Engine, problem: string): Workload {
  const key = readProblemKey(problem);
  const shape = ['b', 'r', 'c'].map((name) => key.size(name));
  const [o, t] = engine.noGrad(() => [l2Normalize(engine, signedInput(engine, shape)), l2Normalize(engine, positiveInput(engine, shape))]);
  return plainWorkload(engine, () => {
    const { a, b } = relationMarginals(engine, o, t);
    return [a, b];
  });
}

/** Family 'augment-images': one view, with the identity's geometry and colours. */
export function augmentImagesWorkload(engine: Engine, problem: string): Workload {
  const key = readProblemKey(problem);
  const [rows, sizeIn, sizeOut] = ['b', 'i', 'o'].map((name) => key.size(name));
  const table = Math.min(rows, 8);
  const images = engine.tensor(syntheticValues(table * sizeIn * sizeIn, 'u32'), [table, sizeIn, sizeIn], 'u32');
  const indices = engine.tensor(Uint32Array.from({ length: rows }, (_, row) => row % table), [rows]);
  const { geometry, colour } = identityGeometry(engine, { batch: rows, views: 1, sizeIn, sizeOut });
  return plainWorkload(engine, () => [augmentImages(engine, images, indices, geometry, colour, { sizeOut })]);
}

/** Iterations that the geometry of large transport problems is timed with: all of them do the same. */
const TILED_ITERATIONS = 8;

/**
 * Family 'sinkhorn': all iterations, and their backward pass where the key says so. Family 'sinkhorn-tiles': a few
 * iterations of the launches for large problems, forward and backward.
 */
export function sinkhornWorkload(engine: Engine, problem: string, tiles: boolean): Workload {
  const key = readProblemKey(problem);
  const [batch, n, m] = ['b', 'n', 'm'].map((name) => key.size(name));
  const iterations = tiles ? TILED_ITERATIONS : key.size('t');
  const cost = positiveInput(engine, [batch, n, m]);
  const masses = (count: number) => engine.tensor(new Float32Array(batch * count).fill(1 / count), [batch, count]);
  const [a, b] = [masses(n), masses(m)];
  const dplan = signedInput(engine, [batch, n, m]);
  return plainWorkload(engine, () => {
    if (tiles) engine.force('sinkhorn', 'tiled');
    try {
      const solve = () => sinkhorn(engine, cost, a, b, { epsilon: 0.1, iterations }).plan;
      if (!tiles && !key.has('gradient')) return [engine.noGrad(solve)];
      return engine.withTape((tape) => {
        tape.watch(cost);
        const plan = solve();
        tape.backward([[plan, dplan]]);
        return [plan, ...[tape.gradientOf(cost) ?? []].flat()];
      });
    } finally {
      if (tiles) engine.force('sinkhorn', null);
    }
  });
}
