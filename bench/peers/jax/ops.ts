/**
 * The benchmark's ops in jax-js. Functions own their arguments, as jax-js demands: every use of an array but its last
 * takes `.ref`.
 */
import { nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import { LOG_DOMAIN, only, SCALING, type Forms, type OpTask, type PeerOp } from '../peer.js';
import type { Arrays } from './arrays.js';
import { COMPOSED, DOT_PRODUCT, type WindowForm } from './attention.js';
import { logSinkhorn, scalingSinkhorn } from './sinkhorn.js';

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

const windowAttention = ({ constants, attend }: WindowForm) => ({ inputs: { qkv: given }, settings: { heads, windowSize, shift } }: OpTask): JaxOp => {
  const settings = { size: given.shape[1], heads, windowSize, shift };
  return { constants: constants(settings, given.shape[0]), forward: ({ qkv, table }, fixed) => attend(qkv, table, fixed, settings) };
};

const sinkhorn = (plan: typeof scalingSinkhorn) => ({ settings: { epsilon, iterations } }: OpTask): JaxOp => ({ constants: {}, forward: (inputs) => plan(inputs, epsilon, iterations) });

/** The ops by name, each in its forms. */
export const JAX_OPS: Readonly<Record<PeerOp, Forms<JaxOp>>> = {
  matmul: only(() => ({ constants: {}, forward: ({ a, b }) => np.matmul(a, b) })),
  linear: only(() => ({ constants: {}, forward: ({ x, weight, bias }) => nn.gelu(affine(x, weight, bias), { approximate: false }) })),
  layerNorm: only(() => ({ constants: {}, forward: ({ x, weight, bias }) => layerNorm(x, weight, bias) })),
  softmax: only(() => ({ constants: {}, forward: ({ x }) => nn.softmax(x, -1) })),
  windowAttention: { 'composed': windowAttention(COMPOSED), 'nn.dotProductAttention': windowAttention(DOT_PRODUCT) },
  sinkhorn: { [SCALING]: sinkhorn(scalingSinkhorn), [LOG_DOMAIN]: sinkhorn(logSinkhorn) },
};
