/**
 * Shifted-window attention composed of ONNX operators, as an exporter writes it: roll, cut into windows, attend with
 * bias and mask added to the scores, put the windows back, roll back. The table is gathered and the mask added to it
 * when the graph is built, since both are constant.
 */
import type { Input } from '../../../src/verify/values.js';
import type { OnnxGraph, Value } from './graph.js';
import { reshape, softmax, transpose } from './layers.js';

/** A map [B, S, S, ...] and its windows; S is a multiple of the window, and shift is 0 where one window covers the map. */
export interface Windows {
  readonly batch: number;
  readonly size: number;
  readonly heads: number;
  readonly windowSize: number;
  readonly shift: number;
}

/** What a query may not see adds this to its score, as in Swin. */
const MASKED = -100;

/** torch.roll along an axis by `by` places towards the front: a slice and a concatenation. */
function rollAxis(graph: OnnxGraph, x: Value, axis: number, by: number, size: number): Value {
  const slice = (start: number, end: number): Value => graph.node('Slice', [x, graph.integers([start]), graph.integers([end]), graph.integers([axis])]);
  return graph.node('Concat', [slice(by, size), slice(0, by)], { axis: BigInt(axis) });
}

function roll(graph: OnnxGraph, x: Value, by: number, size: number): Value {
  return by === 0 ? x : rollAxis(graph, rollAxis(graph, x, 1, by, size), 2, by, size);
}

/** [B, S, S, C] rolled and cut: [B · windows, w², C]. */
export function cutWindows(graph: OnnxGraph, x: Value, { batch, size, windowSize: w, shift }: Windows, channels: number): Value {
  const side = size / w;
  const cells = reshape(graph, roll(graph, x, shift, size), [batch, side, w, side, w, channels]);
  return reshape(graph, transpose(graph, cells, [0, 1, 3, 2, 4, 5]), [batch * side * side, w * w, channels]);
}

/** The inverse of {@link cutWindows}. */
export function joinWindows(graph: OnnxGraph, x: Value, { batch, size, windowSize: w, shift }: Windows, channels: number): Value {
  const side = size / w;
  const cells = reshape(graph, x, [batch, side, side, w, w, channels]);
  const map = reshape(graph, transpose(graph, cells, [0, 1, 3, 2, 4, 5]), [batch, size, size, channels]);
  return roll(graph, map, shift === 0 ? 0 : size - shift, size);
}

/** Which of the three bands that the shift makes of an axis a place of the rolled map lies in. */
function band(place: number, size: number, windowSize: number, shift: number): number {
  return place < size - windowSize ? 0 : place < size - shift ? 1 : 2;
}

/** What is added to the scores: [windows · heads, w², w²], or [heads, w², w²] where nothing is masked. */
export function scoreOffsets(table: Input, { size, heads, windowSize: w, shift }: Windows): Input {
  const tokens = w * w;
  const side = shift === 0 ? 1 : size / w;
  const data = new Float32Array(side * side * heads * tokens * tokens);
  let at = 0;
  for (let window = 0; window < side * side; window++) {
    const region = (token: number): number => {
      const row = Math.floor(window / side) * w + Math.floor(token / w);
      const column = (window % side) * w + (token % w);
      return 3 * band(row, size, w, shift) + band(column, size, w, shift);
    };
    for (let head = 0; head < heads; head++) {
      for (let query = 0; query < tokens; query++) {
        for (let key = 0; key < tokens; key++) {
          const down = Math.floor(query / w) - Math.floor(key / w) + w - 1;
          const right = (query % w) - (key % w) + w - 1;
          const masked = shift !== 0 && region(query) !== region(key);
          data[at++] = table.data[(down * (2 * w - 1) + right) * heads + head] + (masked ? MASKED : 0);
        }
      }
    }
  }
  return { shape: [side * side * heads, tokens, tokens], data };
}

/** Attention within windows: qkv [B · windows, w², 3C], laid out as (q | k | v, head, channel), to [B · windows, w², C]. */
export function attend(graph: OnnxGraph, qkv: Value, name: string, table: Input, windows: Windows, channels: number): Value {
  const { batch, size, heads, windowSize: w } = windows;
  const [tokens, count, dimension] = [w * w, (batch * size * size) / (w * w), channels / heads];
  const parts = transpose(graph, reshape(graph, qkv, [count, tokens, 3, heads, dimension]), [2, 0, 3, 1, 4]);
  const [query, key, value] = graph
    .manyOutputs('Split', [parts], { axis: 0n, num_outputs: 3n }, 3)
    .map((part) => reshape(graph, part, [count, heads, tokens, dimension]));
  const scale = graph.constant(`${name}.scale`, [1], Float32Array.of(1 / Math.sqrt(dimension)));
  const scores = graph.node('MatMul', [graph.node('Mul', [query, scale]), transpose(graph, key, [0, 1, 3, 2])]);
  const offsets = scoreOffsets(table, windows);
  const [repeats] = offsets.shape;
  const shifted = graph.node('Add', [reshape(graph, scores, [(count * heads) / repeats, repeats, tokens, tokens]), graph.constant(`${name}.offsets`, offsets.shape, offsets.data)]);
  const weights = reshape(graph, softmax(graph, shifted), [count, heads, tokens, tokens]);
  const attended = graph.node('MatMul', [weights, value]);
  return reshape(graph, transpose(graph, attended, [0, 2, 1, 3]), [count, tokens, channels]);
}

/** As src/kernels/attention computes it: qkv [B, S, S, 3C] to [B, S, S, C]. */
export function windowAttention(graph: OnnxGraph, qkv: Value, name: string, table: Input, windows: Windows, channels: number): Value {
  const attended = attend(graph, cutWindows(graph, qkv, windows, 3 * channels), name, table, windows, channels);
  return joinWindows(graph, attended, windows, channels);
}
