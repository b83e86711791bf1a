/**
 * The benchmark's ops in jax-js. Functions own their arguments, as jax-js demands: every use of an array but its last
 * takes `.ref`.
 */
import { nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import { relativeIndex, shiftMask } from '../../composed/window-attention.js';
import type { OpTask, PeerOp } from '../peer.js';

/** Arrays by name. */
export type Arrays = Record<string, JaxArray>;

/** An op: arrays that no gradient is wanted of, and y of inputs and constants. */
export interface JaxOp {
  readonly constants: Arrays;
  forward(inputs: Arrays, constants: Arrays): JaxArray;
}

/** y = x Wᵀ + bias with weight [n, k]. */
export function affine(x: JaxArray, weight: JaxArray, bias: JaxArray | null): JaxArray {
  const y = np.matmul(x, np.matrixTranspose(weight));
  return bias ? y.add(bias) : y;
}

/** Layer norm over the last axis. */
export function layerNorm(x: JaxArray, weight: JaxArray, bias: JaxArray): JaxArray {
  return nn.standardize(x).mul(weight).add(bias);
}

/** Heads, side of a window and cyclic shift. */
export interface WindowSettings {
  readonly size: number;
  readonly heads: number;
  readonly windowSize: number;
  readonly shift: number;
}

/**
 * Places of the bias table, one-hot, and mask of a map's windows; the mask only where the windows are shifted. `np.take`
 * would be shorter, but jit of version 0.1.25 refuses its gradient ("routine primitive scatter input is not imm").
 */
export function windowConstants({ size, windowSize, shift }: WindowSettings): Arrays {
  const tokens = windowSize ** 2;
  const places = nn.oneHot(np.array(Int32Array.from(relativeIndex(windowSize))), (2 * windowSize - 1) ** 2);
  if (shift === 0) return { places };
  return { places, mask: np.array(shiftMask(size, size, windowSize, shift)).reshape([1, (size / windowSize) ** 2, 1, tokens, tokens]) };
}

/** Shifted-window attention of qkv [B, S, S, 3C]. */
export function windowAttention(qkv: JaxArray, table: JaxArray, constants: Arrays, { size, heads, windowSize, shift }: WindowSettings): JaxArray {
  const batch = qkv.shape[0];
  const channels = qkv.shape[3] / 3;
  const [across, tokens, headDim] = [size / windowSize, windowSize ** 2, channels / heads];
  const shifted = shift > 0 ? np.roll(qkv, [-shift, -shift], [1, 2]) : qkv;
  // [3, B, windows, heads, tokens, d]
  const parts = shifted
    .reshape([batch, across, windowSize, across, windowSize, 3, heads, headDim])
    .transpose([5, 0, 1, 3, 6, 2, 4, 7])
    .reshape([3, batch, across ** 2, heads, tokens, headDim]);
  const [q, k, v] = np.split(parts, 3, 0).map((part) => part.reshape([batch, across ** 2, heads, tokens, headDim]));
  const bias = np.matmul(constants.places, table).transpose([1, 0]).reshape([1, 1, heads, tokens, tokens]);
  const scores = np.matmul(q, np.matrixTranspose(k)).mul(headDim ** -0.5).add(bias);
  const mixed = np.matmul(nn.softmax(shift > 0 ? scores.add(constants.mask) : scores, -1), v);
  const map = mixed
    .reshape([batch, across, across, heads, windowSize, windowSize, headDim])
    .transpose([0, 1, 4, 2, 5, 3, 6])
    .reshape([batch, size, size, channels]);
  return shift > 0 ? np.roll(map, [shift, shift], [1, 2]) : map;
}

/** The plan after `iterations` of log-domain Sinkhorn, in potentials divided by ε. */
function sinkhorn({ cost, a, b }: Arrays, epsilon: number, iterations: number): JaxArray {
  const [problems, n] = a.shape;
  const kernel = cost.mul(-1 / epsilon);
  const [logA, logB] = [np.log(a), np.log(b)];
  let f: JaxArray | null = null;
  let g: JaxArray | null = null;
  for (let iteration = 0; iteration < iterations; iteration++) {
    f?.dispose();
    f = logA.ref.sub(nn.logsumexp(g ? kernel.ref.add(g.reshape([problems, 1, n])) : kernel.ref, 2));
    g = logB.ref.sub(nn.logsumexp(kernel.ref.add(f.ref.reshape([problems, n, 1])), 1));
  }
  logA.dispose();
  logB.dispose();
  if (!f || !g) return np.exp(kernel);
  return np.exp(kernel.add(f.reshape([problems, n, 1])).add(g.reshape([problems, 1, n])));
}

/** The ops by name. */
export const JAX_OPS: Readonly<Record<PeerOp, (task: OpTask) => JaxOp>> = {
  matmul: () => ({ constants: {}, forward: ({ a, b }) => np.matmul(a, b) }),
  linear: () => ({ constants: {}, forward: ({ x, weight, bias }) => nn.gelu(affine(x, weight, bias), { approximate: false }) }),
  layerNorm: () => ({ constants: {}, forward: ({ x, weight, bias }) => layerNorm(x, weight, bias) }),
  softmax: () => ({ constants: {}, forward: ({ x }) => nn.softmax(x, -1) }),
  windowAttention({ inputs, settings: { heads, windowSize, shift } }) {
    const settings = { size: inputs.qkv.shape[1], heads, windowSize, shift };
    return { constants: windowConstants(settings), forward: ({ qkv, table }, constants) => windowAttention(qkv, table, constants, settings) };
  },
  sinkhorn: ({ settings: { epsilon, iterations } }) => ({ constants: {}, forward: (inputs) => sinkhorn(inputs, epsilon, iterations) }),
};
