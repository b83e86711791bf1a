/**
 * Shifted-window attention in jax-js, in two forms: composed of its ops, and by its own `nn.dotProductAttention`. Both
 * own their arguments.
 */
import { nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import { relativeIndex, shiftMask } from '../../composed/window-attention.js';
import type { Arrays } from './arrays.js';

/** Heads, side of a window and cyclic shift. */
export interface WindowSettings {
  readonly size: number;
  readonly heads: number;
  readonly windowSize: number;
  readonly shift: number;
}

/** Attention of qkv [B, S, S, 3C] with a bias table, given constants of its own making. */
export interface WindowForm {
  constants(settings: WindowSettings, batch: number): Arrays;
  attend(qkv: JaxArray, table: JaxArray, constants: Arrays, settings: WindowSettings): JaxArray;
}

/**
 * Places of the bias table, one-hot. `np.take` would be shorter, but jit of version 0.1.25 refuses its gradient ("routine
 * primitive scatter input is not imm"), and forward it was not faster.
 */
function placesOf(windowSize: number): JaxArray {
  return nn.oneHot(np.array(Int32Array.from(relativeIndex(windowSize))), (2 * windowSize - 1) ** 2);
}

/** The bias of every head, [heads, tokens²]. */
function biasOf(places: JaxArray, table: JaxArray): JaxArray {
  return np.matmul(places, table).transpose([1, 0]);
}

/** The cyclic shift of a map, and back again with `-shift`. */
function roll(map: JaxArray, shift: number): JaxArray {
  return shift === 0 ? map : np.roll(map, [-shift, -shift], [1, 2]);
}

/** Every step written out: products over [B, windows, heads, ...], the mask added to the scores. */
export const COMPOSED: WindowForm = {
  constants({ size, windowSize, shift }): Arrays {
    const tokens = windowSize ** 2;
    const places = placesOf(windowSize);
    if (shift === 0) return { places };
    return { places, mask: np.array(shiftMask(size, size, windowSize, shift)).reshape([1, (size / windowSize) ** 2, 1, tokens, tokens]) };
  },
  attend(qkv, table, constants, { size, heads, windowSize, shift }) {
    const batch = qkv.shape[0];
    const channels = qkv.shape[3] / 3;
    const [across, tokens, headDim] = [size / windowSize, windowSize ** 2, channels / heads];
    // [3, B, windows, heads, tokens, d]
    const parts = roll(qkv, shift)
      .reshape([batch, across, windowSize, across, windowSize, 3, heads, headDim])
      .transpose([5, 0, 1, 3, 6, 2, 4, 7])
      .reshape([3, batch, across ** 2, heads, tokens, headDim]);
    const [q, k, v] = np.split(parts, 3, 0).map((part) => part.reshape([batch, across ** 2, heads, tokens, headDim]));
    const bias = biasOf(constants.places, table).reshape([1, 1, heads, tokens, tokens]);
    const scores = np.matmul(q, np.matrixTranspose(k)).mul(headDim ** -0.5).add(bias);
    const mixed = np.matmul(nn.softmax(shift > 0 ? scores.add(constants.mask) : scores, -1), v);
    const map = mixed
      .reshape([batch, across, across, heads, windowSize, windowSize, headDim])
      .transpose([0, 1, 4, 2, 5, 3, 6])
      .reshape([batch, size, size, channels]);
    return roll(map, -shift);
  },
};

/** By `nn.dotProductAttention` over [B · windows, tokens, heads, d], with its `bias` and, where windows are shifted, its `mask`. */
export const DOT_PRODUCT: WindowForm = {
  constants({ size, windowSize, shift }, batch): Arrays {
    const tokens = windowSize ** 2;
    const places = placesOf(windowSize);
    if (shift === 0) return { places };
    // True where a query sees the key. The library broadcasts it over heads; windows are batch to it, so they are repeated here.
    const seen = np.array(shiftMask(size, size, windowSize, shift)).greater(-1).reshape([(size / windowSize) ** 2, 1, tokens, tokens]);
    return { places, mask: np.tile(seen, [batch, 1, 1, 1]) };
  },
  attend(qkv, table, constants, { size, heads, windowSize, shift }) {
    const batch = qkv.shape[0];
    const channels = qkv.shape[3] / 3;
    const [across, tokens, headDim] = [size / windowSize, windowSize ** 2, channels / heads];
    const windows = batch * across ** 2;
    // [3, B · windows, tokens, heads, d]
    const parts = roll(qkv, shift)
      .reshape([batch, across, windowSize, across, windowSize, 3, heads, headDim])
      .transpose([5, 0, 1, 3, 2, 4, 6, 7])
      .reshape([3, windows, tokens, heads, headDim]);
    const [q, k, v] = np.split(parts, 3, 0).map((part) => part.reshape([windows, tokens, heads, headDim]));
    const bias = biasOf(constants.places, table).reshape([1, heads, tokens, tokens]);
    const mixed = nn.dotProductAttention(q, k, v, shift > 0 ? { bias, mask: constants.mask } : { bias });
    const map = mixed
      .reshape([batch, across, across, windowSize, windowSize, heads, headDim])
      .transpose([0, 1, 3, 2, 4, 5, 6])
      .reshape([batch, size, size, channels]);
    return roll(map, -shift);
  },
};
