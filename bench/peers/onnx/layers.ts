/** The layers that the benchmark and Swin consist of, as nodes of an ONNX graph. */
import type { Input } from '../../../src/verify/values.js';
import type { OnnxGraph, Value } from './graph.js';

/** torch.nn.LayerNorm's default, as src/kernels/normalization has it. */
const EPSILON = 1e-5;

/** The matrix [n, k] as [k, n]. */
function transposed({ shape: [n, k], data }: Input): Input {
  return { shape: [k, n], data: Float32Array.from({ length: n * k }, (_, at) => data[(at % n) * k + Math.floor(at / n)]) };
}

/** x [..., k] times Wᵀ, plus the bias: W [n, k] is stored transposed, as an exporter folds it. */
export function linear(graph: OnnxGraph, x: Value, name: string, weight: Input, bias: Input | null): Value {
  const { shape, data } = transposed(weight);
  const product = graph.node('MatMul', [x, graph.constant(`${name}.weight`, shape, data)]);
  return bias === null ? product : graph.node('Add', [product, graph.constant(`${name}.bias`, bias.shape, bias.data)]);
}

/** The exact GELU, by the error function. */
export function gelu(graph: OnnxGraph, x: Value): Value {
  return graph.node('Gelu', [x]);
}

/** Over the last dimension. */
export function layerNorm(graph: OnnxGraph, x: Value, name: string, weight: Input, bias: Input): Value {
  const scale = graph.constant(`${name}.weight`, weight.shape, weight.data);
  const shift = graph.constant(`${name}.bias`, bias.shape, bias.data);
  return graph.node('LayerNormalization', [x, scale, shift], { axis: -1n, epsilon: { float: EPSILON } });
}

/** Over the last dimension. */
export function softmax(graph: OnnxGraph, x: Value): Value {
  return graph.node('Softmax', [x], { axis: -1n });
}

/** The same elements under another shape. */
export function reshape(graph: OnnxGraph, x: Value, shape: readonly number[]): Value {
  return graph.node('Reshape', [x, graph.integers(shape)]);
}

/** Dimensions in another order. */
export function transpose(graph: OnnxGraph, x: Value, order: readonly number[]): Value {
  return graph.node('Transpose', [x], { perm: order.map(BigInt) });
}
