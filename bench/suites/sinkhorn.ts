/** Batched entropic transport: sizes, and its in-repo rivals of one launch per half-iteration. */
import { sinkhorn } from '../../src/kernels/sinkhorn/index.js';
import { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { input, type Input } from '../../src/verify/values.js';
import { unrolledGradients } from '../../test/reference/sinkhorn-gradient.js';
import { composedSinkhorn } from '../composed/sinkhorn.js';
import type { Group } from '../harness/subject.js';
import { repeated, repeatedInput, subjectOf, type OpCase } from './case.js';
import { largestThatFits, type SuiteContext } from './context.js';

/** Sizes of a batch of square transport problems. */
export interface TransportSizes {
  readonly batch: number;
  /** Rows and columns of a problem. */
  readonly n: number;
  readonly iterations: number;
}

/** The presets' regularisation. */
export const EPSILON = 0.1;

/** Rough operations and bytes of a forward and backward pass. */
export const transportCost = ({ batch, n, iterations }: TransportSizes): { flops: number; bytes: number } => ({
  flops: 24 * batch * n * n * iterations,
  bytes: 4 * batch * (4 * n * n + 4 * n * iterations),
});

/** The given sizes without those that take too long. */
export function feasible(context: SuiteContext, sizes: readonly TransportSizes[]): TransportSizes[] {
  return sizes.filter((given) => largestThatFits(context, `Sinkhorn ${given.n} x ${given.n}, problems`, [given.batch], (batch) => transportCost({ ...given, batch })) !== null);
}

/** Positive masses of sum 1 in every row. */
function masses(problems: number, n: number, seed: number): Input {
  const { shape, data } = input([problems, n], seed, { spread: 0.8, offset: 1 });
  const sums = Array.from({ length: problems }, (_, p) => data.subarray(p * n, (p + 1) * n).reduce((sum, value) => sum + value, 0));
  return { shape, data: data.map((value, at) => value / sums[Math.floor(at / n)]) };
}

/** Transport problems of which up to four are different; plan and gradients against the unrolled float64 iteration. */
export function sinkhornCase({ batch, n, iterations }: TransportSizes, model: string): OpCase {
  const problems = batch % 4 === 0 ? 4 : 1;
  const square = n * n;
  const expected: OpCase['expected'] = ({ inputs, dy }, wanted) => {
    const solved = Array.from({ length: problems }, (_, p) => {
      const part = (x: Float64Array, size: number): Float64Array => x.slice(p * size, (p + 1) * size);
      return unrolledGradients({ n, m: n, epsilon: EPSILON, iterations }, part(inputs.cost, square), part(inputs.a, n), part(inputs.b, n), part(dy, square));
    });
    const all = (of: (solution: (typeof solved)[number]) => Float64Array, tolerance: number): Expected => ({ values: solved.flatMap((solution) => [...of(solution)]), tolerance });
    const outputs: Record<string, Expected> = {
      y: all(({ plan }) => plan, FORWARD_TOLERANCE),
      'd/d cost': all(({ dcost }) => dcost, GRADIENT_TOLERANCE),
      'd/d a': all(({ da }) => da, GRADIENT_TOLERANCE),
      'd/d b': all(({ db }) => db, GRADIENT_TOLERANCE),
    };
    return Object.fromEntries(Object.entries(outputs).filter(([output]) => wanted(output)));
  };
  const count = batch / problems;
  return {
    op: 'sinkhorn',
    shape: `${batch} of ${n} x ${n}, ${iterations} iterations`,
    model,
    inputs: () => ({
      cost: repeatedInput(input([problems, n, n], 101, { spread: 0.5, offset: 0.5 }), count),
      a: repeatedInput(masses(problems, n, 102), count),
      b: repeatedInput(masses(problems, n, 103), count),
    }),
    forward: (engine, { cost, a, b }) => sinkhorn(engine, cost, a, b, { epsilon: EPSILON, iterations }).plan,
    expected: repeated(count, ['cost', 'a', 'b'], expected),
    against: 'float64 iteration, walked backwards for the gradients',
    period: problems * square,
  };
}

/**
 * All iterations in one launch (a second one, each way, finds nothing to do: it is for problems that leave the range of scalings)
 * against one launch per half-iteration, forward and with the backward pass: the same scaling form, which leaves only the fusion
 * between the two. The engine's other variants are in the ladder of `sinkhorn`.
 */
export function sinkhornRivals(sizes: TransportSizes): Group[] {
  const given = sinkhornCase(sizes, 'relation loss');
  const scaling: OpCase['forward'] = (engine, { cost, a, b }) => composedSinkhorn(engine, cost, a, b, { epsilon: EPSILON, iterations: sizes.iterations });
  return (['forward', 'forward and backward'] as const).map((pass) => ({
    name: `Sinkhorn, fused and in one launch per half-iteration: ${given.shape}, ${pass}`,
    subjects: [
      subjectOf(given, { section: 'comparison', pass }),
      subjectOf(given, { section: 'comparison', pass, rival: { implementation: 'zygo, one launch per half-iteration, same scaling form', forward: scaling } }),
    ],
    ratios: [[1, 0]],
  }));
}
