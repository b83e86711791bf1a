/** The ops that a case can name. Each calls the same kernels as the model does. */
import { formatShape, ShapeError, sizeOf, type Tensor } from '../engine/index.js';
import { windowAttention } from '../kernels/attention/index.js';
import { bceWithLogits } from '../kernels/loss/index.js';
import { linear, matmul } from '../kernels/matmul/index.js';
import { layerNorm, softmax } from '../kernels/normalization/index.js';
import { regionPool } from '../kernels/pooling/index.js';
import { sinkhorn } from '../kernels/sinkhorn/index.js';
import { adamwOp } from './adamw.js';
import type { CaseTensor } from './case.js';
import type { ConformanceOp, OpRun } from './op.js';
import { swinOp } from './swin.js';
import { SINGLE_OP } from './tolerance.js';

const single = (differentiable: readonly string[], run: ConformanceOp['run']): ConformanceOp => ({ tolerance: SINGLE_OP, differentiable, run });

/** Projections around the window attention, as torchvision's `shifted_window_attention` has them. */
function shiftedWindowAttention(run: OpRun): Tensor {
  const { engine, config } = run;
  const qkvBias = run.optional('qkv_bias');
  const qkv = linear(engine, run.input('x'), run.input('qkv_weight'), qkvBias);
  const attended = windowAttention(engine, qkv, run.input('relative_position_bias_table'), {
    heads: config.whole('heads', 1),
    windowSize: config.side('window', 1),
    shift: config.side('shift', 0, 0),
    ...(qkvBias ? { padQkv: qkvBias } : {}),
  });
  return linear(engine, attended, run.input('proj_weight'), run.optional('proj_bias'));
}

/** Values of `given` at every place of `shape`, repeated as NumPy broadcasts them. */
function broadcast(given: CaseTensor, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const offset = shape.length - given.shape.length;
  if (offset < 0 || given.shape.some((extent, axis) => extent !== 1 && extent !== shape[axis + offset])) {
    throw new ShapeError(`pos_weight has shape ${formatShape(given.shape)}, which cannot be repeated to the logits' ${formatShape(shape)}.`);
  }
  return Float32Array.from({ length: sizeOf(shape) }, (_, flat) => {
    let [place, stride, rest] = [0, 1, flat];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = given.shape[axis - offset] ?? 1;
      if (extent > 1) place += (rest % shape[axis]) * stride;
      stride *= extent;
      rest = Math.floor(rest / shape[axis]);
    }
    return given.data[place];
  });
}

/**
 * Hard targets go the way of training, as labels; others (label smoothing) as f32. A weight per column goes as it
 * is; any other shape is written out, with every element a column of its own.
 */
function binaryCrossEntropy(run: OpRun): Tensor {
  const { engine } = run;
  const logits = run.input('logits');
  const targets = run.host('targets');
  const hard = targets.data.every((value) => value === 0 || value === 1);
  const labels = engine.tensor(hard ? Uint32Array.from(targets.data) : Float32Array.from(targets.data), targets.shape);
  const weight = run.optionalHost('pos_weight') ?? { dtype: 'F32', shape: [], data: Float32Array.of(1) };
  const columns = logits.shape[logits.shape.length - 1];
  if (weight.shape.length === 1 && weight.shape[0] === columns) {
    return bceWithLogits(engine, logits, labels, engine.tensor(Float32Array.from(weight.data), [columns]));
  }
  const flat = [logits.size];
  return bceWithLogits(engine, engine.reshape(logits, flat), engine.reshape(labels, flat), engine.tensor(broadcast(weight, logits.shape), flat));
}

/** Ops by name. */
export const CONFORMANCE_OPS: Readonly<Record<string, ConformanceOp>> = {
  matmul: single(['a', 'b'], (run) => ({
    y: matmul(run.engine, run.input('a'), run.input('b'), { transposeA: run.config.flag('transposeA'), transposeB: run.config.flag('transposeB') }),
  })),
  linear: single(['x', 'weight', 'bias'], (run) => ({
    y: linear(run.engine, run.input('x'), run.input('weight'), run.optional('bias'), {
      activation: run.config.word('activation', ['none', 'gelu'] as const, 'none'),
    }),
  })),
  layer_norm: single(['x', 'weight', 'bias'], (run) => ({
    y: layerNorm(run.engine, run.input('x'), run.input('weight'), run.input('bias'), { epsilon: run.config.number('epsilon', 1e-5) }),
  })),
  softmax: single(['x'], (run) => ({ y: softmax(run.engine, run.input('x')) })),
  shifted_window_attention: single(
    ['x', 'qkv_weight', 'qkv_bias', 'proj_weight', 'proj_bias', 'relative_position_bias_table'],
    (run) => ({ y: shiftedWindowAttention(run) }),
  ),
  region_pool: single(['x', 'masks'], (run) => ({
    y: regionPool(run.engine, run.input('x'), run.input('masks'), run.config.number('epsilon', 1e-6)).pooled,
  })),
  sinkhorn: single(['cost', 'a', 'b'], (run) => {
    const prior = run.optional('prior');
    return {
      plan: sinkhorn(run.engine, run.input('cost'), run.input('a'), run.input('b'), {
        epsilon: run.config.number('epsilon'),
        iterations: run.config.whole('iterations', 1),
        ...(run.config.has('rho') ? { rho: run.config.number('rho') } : {}),
        ...(prior ? { prior } : {}),
      }).plan,
    };
  }),
  // The mean is one number, for which other frameworks have the empty shape.
  bce_with_logits: single(['logits'], (run) => ({ y: run.engine.reshape(binaryCrossEntropy(run), []) })),
  adamw: adamwOp,
  swin: swinOp,
};
