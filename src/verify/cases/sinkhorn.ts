/** Batched entropic transport: hard and relaxed marginals, priors, zero masses, a small epsilon, and large problems. */
import { sinkhorn } from '../../kernels/sinkhorn/index.js';
import { sinkhornReference, type SinkhornCase } from '../../../test/reference/sinkhorn.js';
import { differentiable } from '../differentiable.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input, randomValues, type Input } from '../values.js';

/** Positive masses, each problem's of sum 1. */
function masses(batch: number, count: number, seed: number): Input {
  const { data } = input([batch, count], seed, { spread: 0.8, offset: 1 });
  const sums = Array.from({ length: batch }, (_, b) => data.subarray(b * count, (b + 1) * count).reduce((sum, value) => sum + value, 0));
  return { shape: [batch, count], data: data.map((value, index) => value / sums[Math.floor(index / count)]) };
}

/** Costs in [0, 1], as 1 - cosine of similar features. */
const costs = (batch: number, n: number, m: number): Input => input([batch, n, m], 101, { spread: 0.5, offset: 0.5 });

function sinkhornCase(sizes: SinkhornCase, words = ''): VerifyCase {
  const { batch, n, m, epsilon, iterations, rho, prior } = sizes;
  return differentiable({
    op: 'sinkhorn',
    name: `${batch} of ${n} x ${m}, epsilon ${epsilon}, ${iterations} iterations${words}`,
    inputs: { cost: costs(batch, n, m), a: masses(batch, n, 102), b: masses(batch, m, 103) },
    forward: (engine, { cost, a, b }) => {
      const shape = prior && prior.length === n * m ? [n, m] : [batch, n, m];
      return sinkhorn(engine, cost, a, b, { epsilon, iterations, rho, prior: prior && engine.tensor(Float32Array.from(prior), shape) }).plan;
    },
    reference: ({ cost, a, b }) => sinkhornReference(sizes, cost, a, b),
  });
}

/** Masses of 0 have no finite differences: forward only. */
function zeroMassCase(): VerifyCase {
  const sizes = { batch: 3, n: 12, m: 9, epsilon: 0.1, iterations: 20 };
  const { batch, n, m, epsilon, iterations } = sizes;
  const [cost, a, b] = [costs(batch, n, m), masses(batch, n, 104), masses(batch, m, 105)];
  // The second problem loses a row; the others make up for its mass.
  const lost = a.data[n];
  for (let i = 1; i < n; i++) a.data[n + i] /= 1 - lost;
  a.data[n] = 0;
  return {
    op: 'sinkhorn',
    name: `${batch} of ${n} x ${m}, a zero mass`,
    run(engine) {
      const [c, rows, columns] = [cost, a, b].map(({ data, shape }) => engine.tensor(data, shape));
      return { plan: sinkhorn(engine, c, rows, columns, { epsilon, iterations }).plan };
    },
    reference: () => ({
      plan: {
        values: sinkhornReference(sizes, Float64Array.from(cost.data), Float64Array.from(a.data), Float64Array.from(b.data)),
        tolerance: FORWARD_TOLERANCE,
      },
    }),
  };
}

/** Cases of src/kernels/sinkhorn. */
export function sinkhornCases(): VerifyCase[] {
  const prior = Float32Array.from(randomValues(63, 106), (value) => 0.6 + value / 2);
  return [
    sinkhornCase({ batch: 37, n: 12, m: 12, epsilon: 0.1, iterations: 30 }),
    sinkhornCase({ batch: 5, n: 7, m: 9, epsilon: 0.1, iterations: 15, rho: 0.5, prior }, ', relaxed, prior'),
    sinkhornCase({ batch: 2, n: 6, m: 6, epsilon: 0.01, iterations: 20 }),
    // A grid of lanes.
    sinkhornCase({ batch: 2, n: 36, m: 18, epsilon: 0.2, iterations: 5, rho: 1 }, ', relaxed'),
    // Too large for one workgroup; larger than a tile both ways.
    sinkhornCase({ batch: 2, n: 270, m: 40, epsilon: 0.2, iterations: 3, rho: 1 }, ', relaxed'),
    zeroMassCase(),
  ];
}
