/**
 * Shifted-window attention from separate kernels, the in-repo rival of the fused one: roll, partition, split into
 * heads, matrix product, bias and mask, softmax, matrix product, reverse, unroll, forward and backward through the
 * tape, with N x N buffers for scores and probabilities. Matrix products and softmax are the engine's own kernels.
 */
import { formatShape, gridFor, ShapeError, type Engine, type Tensor } from '../../src/engine/index.js';
import type { WindowAttentionOptions } from '../../src/kernels/attention/index.js';
import { itemLaunch, scale } from '../../src/kernels/elementwise/index.js';
import { gatherRows, transpose01 } from '../../src/kernels/layout/index.js';
import { matmul } from '../../src/kernels/matmul/index.js';
import { softmax } from '../../src/kernels/normalization/index.js';
import { columnSum } from '../../src/kernels/reduction/index.js';
import { permute, rearrange, roll } from './permute.js';

/** Score between tokens of different regions of the cyclic shift, as in the Swin paper's code. */
const MASKED_SCORE = -100;

/** Row of the bias table for every pair (query, key) of a window. */
function relativeIndex(window: number): Uint32Array<ArrayBuffer> {
  const tokens = window * window;
  return Uint32Array.from({ length: tokens * tokens }, (_, pair) => {
    const [query, key] = [Math.floor(pair / tokens), pair % tokens];
    const down = Math.floor(query / window) - Math.floor(key / window) + window - 1;
    const right = (query % window) - (key % window) + window - 1;
    return down * (2 * window - 1) + right;
  });
}

/** [windows, N, N]: 0 between tokens of one region, MASKED_SCORE between others. */
function shiftMask(height: number, width: number, window: number, shift: number): Float32Array<ArrayBuffer> {
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

/** q, k and v [P, heads, N, d] of windows [P, N, 3C]; differentiable. */
function splitHeads(engine: Engine, windows: Tensor, heads: number): Tensor[] {
  const [count, tokens, triple] = windows.shape;
  const channels = triple / 3;
  const headDim = channels / heads;
  const shape = [count, heads, tokens, headDim];
  const partOf = (part: number) => ({ shape, strides: [tokens * triple, headDim, triple, 1], offset: part * channels });
  const parts = [0, 1, 2].map((part) => {
    const y = engine.empty(shape);
    rearrange(engine, partOf(part), windows, y, false);
    return y;
  });
  engine.record('splitHeads', [windows], parts, (context) => {
    if (!context.needs(0)) return;
    const target = context.target(0);
    parts.forEach((_, part) => rearrange(engine, partOf(part), context.gradient(part), target, true));
  });
  return parts;
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
  const [down, across, tokens, channels] = [height / window, width / window, window * window, triple / 3];
  const count = batch * down * across;
  const shifted = shift > 0 ? roll(engine, qkv, shift) : qkv;
  const tiles = permute(engine, engine.reshape(shifted, [batch, down, window, across, window, triple]), [0, 1, 3, 2, 4, 5]);
  const [q, k, v] = splitHeads(engine, engine.reshape(tiles, [count, tokens, triple]), heads);
  const mask = shift > 0 ? engine.tensor(shiftMask(height, width, window, shift), [down * across, tokens, tokens]) : null;
  const scores = matmul(engine, q, k, { transposeB: true });
  const biased = addBias(engine, scores, gatherBias(engine, table, window), mask, 1 / Math.sqrt(channels / heads));
  const mixed = matmul(engine, softmax(engine, biased), v);
  const merged = permute(engine, mixed, [0, 2, 1, 3]);
  const rows = permute(engine, engine.reshape(merged, [batch, down, across, window, window, channels]), [0, 1, 3, 2, 4, 5]);
  const map = engine.reshape(rows, [batch, height, width, channels]);
  return shift > 0 ? roll(engine, map, -shift) : map;
}
