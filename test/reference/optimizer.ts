/** Float64 references of the optimiser. */

/** State of one arena. */
export interface AdamState {
  p: Float64Array;
  m: Float64Array;
  v: Float64Array;
}

/** One AdamW step with decoupled decay of the elements before `decayEnd`; step counts from 1. */
export function adamw(
  { p, m, v }: AdamState,
  g: ArrayLike<number>,
  step: number,
  { rate, beta1, beta2, epsilon, weightDecay }: { rate: number; beta1: number; beta2: number; epsilon: number; weightDecay: number },
  decayEnd: number,
): void {
  for (let i = 0; i < p.length; i++) {
    m[i] = beta1 * m[i] + (1 - beta1) * g[i];
    v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
    const update = m[i] / (1 - beta1 ** step) / (Math.sqrt(v[i] / (1 - beta2 ** step)) + epsilon);
    p[i] -= rate * update + (i < decayEnd ? rate * weightDecay * p[i] : 0);
  }
}
