/**
 * Batched Sinkhorn in jax-js, unrolled: version 0.1.25 has no loops (`lax.fori_loop`, `lax.scan`). Gradients are the
 * library's own, through all iterations. Functions own their arguments.
 */
import { nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import type { Arrays } from './arrays.js';

/**
 * The plan from scalings of K = exp(−C / ε): u = a / (K v), v = b / (Kᵀ u). Kᵀ is a matrix of its own: of six ways to
 * write it (einsum, matmul, multiply and sum, problems side by side, matvec with and without Kᵀ) none was faster.
 */
export function scalingSinkhorn({ cost, a, b }: Arrays, epsilon: number, iterations: number): JaxArray {
  const [problems, n] = a.shape;
  const kernel = np.exp(cost.ref.mul(-1 / epsilon));
  const transposed = np.exp(np.matrixTranspose(cost).mul(-1 / epsilon));
  let u: JaxArray | null = null;
  let v: JaxArray | null = null;
  for (let iteration = 0; iteration < iterations; iteration++) {
    u?.dispose();
    u = a.ref.div(v ? np.matvec(kernel.ref, v) : kernel.ref.sum(2));
    v = b.ref.div(np.matvec(transposed.ref, u.ref));
  }
  for (const spent of [a, b, transposed]) spent.dispose();
  if (!u || !v) throw new Error('no iteration: expected one at least');
  return kernel.mul(u.reshape([problems, n, 1])).mul(v.reshape([problems, 1, n]));
}

/** The plan from potentials in the log domain, divided by ε. */
export function logSinkhorn({ cost, a, b }: Arrays, epsilon: number, iterations: number): JaxArray {
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
  for (const spent of [logA, logB]) spent.dispose();
  if (!f || !g) throw new Error('no iteration: expected one at least');
  return np.exp(kernel.add(f.reshape([problems, n, 1])).add(g.reshape([problems, 1, n])));
}
