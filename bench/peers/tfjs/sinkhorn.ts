/** Batched Sinkhorn in TensorFlow.js; gradients are the library's own, through all iterations. Called inside `tf.tidy`. */
import { tf } from './library.js';
import type { Tensors } from './ops.js';

type Tensor = Tensors[string];

/**
 * The plan from scalings of K = exp(−C / ε): u = a / (K v), v = b / (Kᵀ u). Scalings are rows [P, 1, n] and Kᵀ is a matrix
 * of its own: this was much faster on SwiftShader than products with columns [P, n, 1], or multiply and sum.
 */
export function scalingSinkhorn({ cost, a, b }: Tensors, epsilon: number, iterations: number): Tensor {
  const [problems, n] = a.shape;
  const kernel = tf.exp(tf.mul(cost, -1 / epsilon));
  const transposed = tf.transpose(kernel, [0, 2, 1]);
  const [rows, columns] = [a, b].map((mass) => tf.reshape(mass, [problems, 1, n]));
  let v: Tensor = tf.onesLike(columns);
  let u: Tensor = tf.onesLike(rows);
  for (let iteration = 0; iteration < iterations; iteration++) {
    u = tf.div(rows, tf.matMul(v, transposed));
    v = tf.div(columns, tf.matMul(u, kernel));
  }
  return tf.mul(tf.mul(kernel, tf.reshape(u, [problems, n, 1])), v);
}

/** The plan from potentials in the log domain, divided by ε. */
export function logSinkhorn({ cost, a, b }: Tensors, epsilon: number, iterations: number): Tensor {
  const [problems, n] = a.shape;
  const kernel = tf.mul(cost, -1 / epsilon);
  const logA = tf.reshape(tf.log(a), [problems, n, 1]);
  const logB = tf.reshape(tf.log(b), [problems, 1, n]);
  let f: Tensor = tf.zerosLike(logA);
  let g: Tensor = tf.zerosLike(logB);
  for (let iteration = 0; iteration < iterations; iteration++) {
    f = tf.sub(logA, tf.logSumExp(tf.add(kernel, g), 2, true));
    g = tf.sub(logB, tf.logSumExp(tf.add(kernel, f), 1, true));
  }
  return tf.exp(tf.add(tf.add(kernel, f), g));
}
