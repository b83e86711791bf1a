/** Batched Sinkhorn as an ONNX graph, forward only: the iterations are written out, since the WebGPU backend has no Loop. */
import type { OnnxGraph, Value } from './graph.js';
import { reshape, transpose } from './layers.js';

/** Problems, rows and columns of each, and what is done with them. */
export interface TransportSettings {
  readonly problems: number;
  readonly n: number;
  readonly epsilon: number;
  readonly iterations: number;
}

/**
 * The plan from scalings of K = exp(−C / ε): u = a / (K v), v = b / (Kᵀ u), from v = 1. Scalings are rows [P, 1, n]: with
 * columns, or by Mul and ReduceSum, a run took several times as long in Chrome on SwiftShader.
 * @param cost [P, n, n]
 * @param a masses of the rows [P, n]
 * @param b masses of the columns [P, n]
 */
export function scalingSinkhorn(graph: OnnxGraph, cost: Value, a: Value, b: Value, { problems, n, epsilon, iterations }: TransportSettings): Value {
  const kernel = graph.node('Exp', [graph.node('Mul', [cost, graph.constant('-1 / epsilon', [1], Float32Array.of(-1 / epsilon))])]);
  const transposed = transpose(graph, kernel, [0, 2, 1]);
  const [rows, columns] = [a, b].map((mass) => reshape(graph, mass, [problems, 1, n]));
  let v = graph.constant('ones', [problems, 1, n], new Float32Array(problems * n).fill(1));
  let u = v;
  for (let iteration = 0; iteration < iterations; iteration++) {
    u = graph.node('Div', [rows, graph.node('MatMul', [v, transposed])]);
    v = graph.node('Div', [columns, graph.node('MatMul', [u, kernel])]);
  }
  return graph.node('Mul', [graph.node('Mul', [kernel, reshape(graph, u, [problems, n, 1])]), v]);
}
