/**
 * Shifted-window attention from separate kernels, the in-repo rival of the fused one: roll, partition (which also splits
 * the heads, so that no copy is made twice), matrix product, bias and mask, softmax, matrix product, reverse, unroll,
 * forward and backward through the tape, with N x N buffers for scores and probabilities. Matrix products and softmax
 * are the engine's own kernels in the variants that it chooses for them.
 */
import { formatShape, gridFor, ShapeError, type Engine, type Tensor } from '../../src/engine/index.js';
import type { WindowAttentionOptions } from '../../src/kernels/attention/index.js';
import { itemLaunch, scale } from '../../src/kernels/elementwise/index.js';
import { gatherRows, transpose01 } from '../../src/kernels/layout/index.js';
import { matmul } from '../../src/kernels/matmul/index.js';
import { softmax } from '../../src/kernels/normalization/index.js';
import { columnSum } from '../../src/kernels/reduction/index.js';
import { rearrange, roll, type Rearrangement } from './permute.js';

/** Score between tokens of different regions of the cyclic shift, as in the Swin paper's code. */
const MASKED_SCORE = -100;

/** Row of the bias table for every pair (query, key) of a window. */
export function relativeIndex(window: number): Uint32Array<ArrayBuffer> {
  const tokens = window * window;
  return Uint32Array.from({ length: tokens * tokens }, (_, pair) => {
    const [query, key] = [Math.floor(pair / tokens), pair % tokens];
    const down = Math.floor(query / window) - Math.floor(key / window) + window - 1;
    const right = (query % window) - (key % window) + window - 1;
    return down * (2 * window - 1) + right;
  });
}

/** [windows, N, N]: 0 between tokens of one region, MASKED_SCORE between others. */
export function shiftMask(height: number, width: number, window: number, shift: number): Float32Array<ArrayBuffer> {
  const region = (place: number, length: number): number => (place < length - window ? 0 : place < length - shift ? 1 : 2);
  const tokens = window * window;
  const windowsX = width / window;
  const regionOf = (tile: number, token: number): number => {
    const row = Math.floor(tile / windowsX) * window + Math.floor(token / window);
    const column = (tile % windowsX) * window + (token % window);
    return region(row, height) * 3 + region(column, width);
  };
  return Float32Array.from({ length: (height / window) * windowsX * tokens * tokens }, (_, place) => {
    const tile = Math.floor(place / (tokens * tokens));
    const [query, key] = [Math.floor(place / tokens) % tokens, place % tokens];
    return regionOf(tile, query) === regionOf(tile, key) ? 0 : MASKED_SCORE;
  });
}

/** The bias matrix [heads, N, N] of a table; differentiable, each table entry's pairs added in a fixed order. */
function gatherBias(engine: Engine, table: Tensor, window: number): Tensor {
  const heads = table.shape[1];
  const tokens = window * window;
  const bias = engine.noGrad(() => {
    const pairs = gatherRows(engine, table, engine.tensor(relativeIndex(window), [tokens * tokens]));
    return engine.reshape(transpose01(engine, pairs), [heads, tokens, tokens]);
  });
  engine.record('gatherBias', [table], [bias], (context) => {
    if (!context.needs(0)) return;
    engine.dispatch({
      shader: 'bench/bias_table_gradient',
      tensors: { dbias: context.gradient(0), dtable: context.target(0) },
      params: { window, heads },
      workgroups: gridFor(table.size),
      flops: bias.size,
      bytes: 4 * (bias.size + table.size),
    });
  });
  return bias;
}

/** scale · scores + bias + mask; differentiable in scores and bias. */
function addBias(engine: Engine, scores: Tensor, bias: Tensor, mask: Tensor | null, factor: number): Tensor {
  const [, heads, tokens] = scores.shape;
  const square = tokens * tokens;
  const y = engine.empty(scores.shape);
  const launch = itemLaunch(engine, scores.size);
  engine.dispatch({
    shader: 'bench/bias_mask',
    constants: { ...launch.constants, MASKED: mask !== null },
    tensors: { scores, bias, mask: mask ?? bias, y },
    params: { count: scores.size, windows: mask ? mask.shape[0] : 1, heads, square, scale: factor },
    workgroups: launch.workgroups,
    flops: (mask ? 3 : 2) * scores.size,
    bytes: 4 * (2 * scores.size + bias.size + (mask?.size ?? 0)),
  });
  engine.record('addBias', [scores, bias], [y], (context) => {
    const dy = context.gradient(0);
    engine.noGrad(() => {
      if (context.needs(0)) context.set(0, scale(engine, dy, factor));
      if (context.needs(1)) columnSum(engine, engine.reshape(dy, [dy.shape[0], heads * square]), context.target(1));
    });
  });
  return y;
}

/** How a map [B, H, W, parts · C] is cut into windows and heads. */
interface Cut {
  readonly heads: number;
  readonly window: number;
  readonly parts: number;
}

/** Part `part` of a map as [windows, heads, N, d]; image and row of windows are one dimension, because they follow each other evenly. */
function cutOf(map: Tensor, { heads, window, parts }: Cut, part: number): Rearrangement {
  const [batch, height, width, all] = map.shape;
  const channels = all / parts;
  const headDim = channels / heads;
  return {
    shape: [(batch * height) / window, width / window, heads, window, window, headDim],
    strides: [window * width * all, window * all, headDim, width * all, all, 1],
    offset: part * channels,
  };
}

/** q, k and v [windows, heads, N, d] of a map [B, H, W, 3C], one pass over each; differentiable. */
function partition(engine: Engine, map: Tensor, heads: number, window: number): Tensor[] {
  const cuts = [0, 1, 2].map((part) => cutOf(map, { heads, window, parts: 3 }, part));
  const parts = cuts.map((cut) => {
    const [rows, columns, , , , headDim] = cut.shape;
    const y = engine.empty([rows * columns, heads, window * window, headDim]);
    rearrange(engine, cut, map, y, false);
    return y;
  });
  engine.record('partition', [map], parts, (context) => {
    if (!context.needs(0)) return;
    const target = context.target(0);
    cuts.forEach((cut, part) => rearrange(engine, cut, context.gradient(part), target, true));
  });
  return parts;
}

/** The map of `shape` [B, H, W, C] that windows [windows, heads, N, d] make, in one pass; differentiable. */
function reverse(engine: Engine, windows: Tensor, shape: readonly number[], window: number): Tensor {
  const map = engine.empty(shape);
  const cut = cutOf(map, { heads: windows.shape[1], window, parts: 1 }, 0);
  rearrange(engine, cut, windows, map, true);
  engine.record('reverse', [windows], [map], (context) => {
    if (context.needs(0)) rearrange(engine, cut, context.gradient(0), context.target(0), false);
  });
  return map;
}

/**
 * The same function as `windowAttention`, without its padding; differentiable in qkv and the table.
 * @param qkv [B, H, W, 3C], H and W multiples of the window
 * @param table [(2w − 1)², heads]
 * @returns [B, H, W, C]
 * @throws {ShapeError} when the map is no multiple of the window
 */
export function composedWindowAttention(engine: Engine, qkv: Tensor, table: Tensor, options: Omit<WindowAttentionOptions, 'padQkv'>): Tensor {
  const { heads, windowSize: window } = options;
  const [batch, height, width, triple] = qkv.shape;
  if (height % window !== 0 || width % window !== 0) {
    throw new ShapeError(`composedWindowAttention: the map of ${formatShape(qkv.shape)} is no multiple of windows of ${window} x ${window}.`);
  }
  // As the fused kernel and torchvision do: no shift where one window covers the map. Maps are square in the suites.
  const shift = Math.min(height, width) > window ? options.shift : 0;
  const tokens = window * window;
  const shifted = shift > 0 ? roll(engine, qkv, shift) : qkv;
  const [q, k, v] = partition(engine, shifted, heads, window);
  const mask = shift > 0 ? engine.tensor(shiftMask(height, width, window, shift), [(height * width) / tokens, tokens, tokens]) : null;
  const scores = matmul(engine, q, k, { transposeB: true });
  const biased = addBias(engine, scores, gatherBias(engine, table, window), mask, 1 / Math.sqrt(triple / 3 / heads));
  const mixed = matmul(engine, softmax(engine, biased), v);
  const map = reverse(engine, mixed, [batch, height, width, triple / 3], window);
  return shift > 0 ? roll(engine, map, -shift) : map;
}
