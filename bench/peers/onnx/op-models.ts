/** Each op of the benchmark as an ONNX model: activations are inputs, weights and tables are constants, "y" is the output. */
import type { OpTask, PeerOp } from '../peer.js';
import { OnnxGraph, type Value } from './graph.js';
import { gelu, layerNorm, linear, softmax } from './layers.js';
import { scalingSinkhorn } from './sinkhorn.js';
import { windowAttention } from './window-attention.js';

/** A model, what is fed to it, and the shape of what comes out. */
export interface OpModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Names of the task's inputs that are fed. */
  readonly fed: readonly string[];
  readonly shape: readonly number[];
}

type Build = (graph: OnnxGraph, task: OpTask) => { readonly y: Value; readonly fed: readonly string[]; readonly shape: readonly number[] };

const BUILDERS: Readonly<Record<PeerOp, Build>> = {
  matmul(graph, { inputs: { a, b } }) {
    const y = graph.node('MatMul', [graph.input('a', a.shape), graph.input('b', b.shape)]);
    return { y, fed: ['a', 'b'], shape: [a.shape[0], b.shape[1]] };
  },
  linear(graph, { inputs: { x, weight, bias } }) {
    const y = gelu(graph, linear(graph, graph.input('x', x.shape), 'linear', weight, bias));
    return { y, fed: ['x'], shape: [x.shape[0], weight.shape[0]] };
  },
  layerNorm(graph, { inputs: { x, weight, bias } }) {
    return { y: layerNorm(graph, graph.input('x', x.shape), 'norm', weight, bias), fed: ['x'], shape: x.shape };
  },
  softmax(graph, { inputs: { x } }) {
    return { y: softmax(graph, graph.input('x', x.shape)), fed: ['x'], shape: x.shape };
  },
  windowAttention(graph, { inputs: { qkv, table }, settings: { heads, windowSize, shift } }) {
    const [batch, size, , width] = qkv.shape;
    const y = windowAttention(graph, graph.input('qkv', qkv.shape), 'attention', table, { batch, size, heads, windowSize, shift }, width / 3);
    return { y, fed: ['qkv'], shape: [batch, size, size, width / 3] };
  },
  sinkhorn(graph, { inputs: { cost, a, b }, settings: { epsilon, iterations } }) {
    const [problems, n] = a.shape;
    const y = scalingSinkhorn(graph, graph.input('cost', cost.shape), graph.input('a', a.shape), graph.input('b', b.shape), { problems, n, epsilon, iterations });
    return { y, fed: ['cost', 'a', 'b'], shape: cost.shape };
  },
};

/** The model of an op's forward pass. */
export function opModel(task: OpTask): OpModel {
  const graph = new OnnxGraph();
  const { y, fed, shape } = BUILDERS[task.op](graph, task);
  graph.output('y', y, shape);
  return { bytes: graph.encode(task.op), fed, shape };
}
