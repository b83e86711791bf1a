/** The benchmark's ops in TensorFlow.js. Called inside `tf.tidy`, which gives what lies between back. */
import { relativeIndex, shiftMask } from '../../composed/window-attention.js';
import { LOG_DOMAIN, only, SCALING, type Forms, type OpTask, type PeerOp } from '../peer.js';
import { tf } from './library.js';
import { logSinkhorn, scalingSinkhorn } from './sinkhorn.js';

type Tensor = ReturnType<typeof tf.tensor>;
/** Tensors by name. */
export type Tensors = Record<string, Tensor>;

/** An op: tensors that no gradient is wanted of, and y of inputs and constants. */
export interface TfOp {
  readonly constants: Tensors;
  forward(inputs: Tensors, constants: Tensors): Tensor;
}

/** y = x Wᵀ + bias with weight [n, k]; x may have more than two dimensions. */
export function affine(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const [outputs, inputs] = weight.shape;
  const rows = tf.reshape(x, [-1, inputs]);
  const y = tf.fused.matMul({ a: rows, b: weight, transposeB: true, ...(bias ? { bias } : {}) });
  return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
}

/** Exact GELU: the library has none, and fuses none. */
export function gelu(x: Tensor): Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

/** Layer norm over the last axis, ε 1e-5. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), weight), bias);
}

/** Heads, side of a window and cyclic shift. */
export interface WindowSettings {
  readonly size: number;
  readonly heads: number;
  readonly windowSize: number;
  readonly shift: number;
}

/** Index and mask of a map's windows; the mask only where the windows are shifted. */
export function windowConstants({ size, windowSize, shift }: WindowSettings): Tensors {
  const tokens = windowSize ** 2;
  const index = tf.tensor1d(Int32Array.from(relativeIndex(windowSize)), 'int32');
  if (shift === 0) return { index };
  return { index, mask: tf.tensor(shiftMask(size, size, windowSize, shift), [1, (size / windowSize) ** 2, 1, tokens, tokens]) };
}

/** Moves rows and columns of a square map [B, S, S, C] up and left by `shift`, around the edges; the library has no roll. */
function roll(map: Tensor, shift: number): Tensor {
  const [, size]: readonly number[] = map.shape;
  const first = (shift + size) % size;
  const turn = (x: Tensor, axis: number): Tensor => {
    const [above, below] = tf.split(x, [first, size - first], axis);
    return tf.concat([below, above], axis);
  };
  return turn(turn(map, 1), 2);
}

/** Shifted-window attention of qkv [B, S, S, 3C]. */
export function windowAttention(qkv: Tensor, table: Tensor, constants: Tensors, { size, heads, windowSize, shift }: WindowSettings): Tensor {
  const [batch, , , triple]: readonly number[] = qkv.shape;
  const channels = triple / 3;
  const [across, tokens, headDim] = [size / windowSize, windowSize ** 2, channels / heads];
  const windows = across ** 2;
  const shifted = shift > 0 ? roll(qkv, shift) : qkv;
  const cut = tf.transpose(tf.reshape(shifted, [batch, across, windowSize, across, windowSize, 3 * channels]), [0, 1, 3, 2, 4, 5]);
  const parts = tf.transpose(tf.reshape(cut, [batch * windows, tokens, 3, heads, headDim]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(parts);
  const scores = tf.mul(tf.matMul(q, k, false, true), headDim ** -0.5);
  const bias = tf.reshape(tf.transpose(tf.gather(table, constants.index)), [1, heads, tokens, tokens]);
  let biased: Tensor = tf.add(scores, bias);
  if (shift > 0) {
    const masked = tf.add(tf.reshape(biased, [batch, windows, heads, tokens, tokens]), constants.mask);
    biased = tf.reshape(masked, [batch * windows, heads, tokens, tokens]);
  }
  const mixed = tf.transpose(tf.matMul(tf.softmax(biased), v), [0, 2, 1, 3]);
  const map = tf.reshape(tf.transpose(tf.reshape(mixed, [batch, across, across, windowSize, windowSize, channels]), [0, 1, 3, 2, 4, 5]), [batch, size, size, channels]);
  return shift > 0 ? roll(map, -shift) : map;
}

const sinkhorn = (plan: typeof scalingSinkhorn) => ({ settings: { epsilon, iterations } }: OpTask): TfOp => ({ constants: {}, forward: (inputs) => plan(inputs, epsilon, iterations) });

/** The ops by name, each in its forms. */
export const TF_OPS: Readonly<Record<PeerOp, Forms<TfOp>>> = {
  matmul: only(() => ({ constants: {}, forward: ({ a, b }) => tf.matMul(a, b) })),
  linear: only(() => ({ constants: {}, forward: ({ x, weight, bias }) => gelu(affine(x, weight, bias)) })),
  layerNorm: only(() => ({ constants: {}, forward: ({ x, weight, bias }) => layerNorm(x, weight, bias) })),
  softmax: only(() => ({ constants: {}, forward: ({ x }) => tf.softmax(x) })),
  windowAttention: only(({ inputs, settings: { heads, windowSize, shift } }) => {
    const settings = { size: inputs.qkv.shape[1], heads, windowSize, shift };
    return { constants: windowConstants(settings), forward: ({ qkv, table }, constants) => windowAttention(qkv, table, constants, settings) };
  }),
  sinkhorn: { [SCALING]: sinkhorn(scalingSinkhorn), [LOG_DOMAIN]: sinkhorn(logSinkhorn) },
};
