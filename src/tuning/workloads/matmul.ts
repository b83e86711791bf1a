/** Matrix products, with their epilogues. */
import type { Engine, Tensor } from '../../engine/index.js';
import { launchProduct } from '../../kernels/matmul/index.js';
import { readProblemKey } from '../../kernels/problem-key.js';
import { signedInput } from './inputs.js';
import { plainWorkload, type Workload } from './workload.js';

/** The product that a key of the families 'matmul' and 'matmul-splits' describes; see `launchProduct`. */
export function matmulWorkload(engine: Engine, problem: string): Workload {
  const key = readProblemKey(problem);
  const [m, n, k, problems] = ['m', 'n', 'k', 'b'].map((name) => key.size(name));
  const [sharedA, sharedB, sumProblems] = ['oneA', 'oneB', 'sum'].map((flag) => key.has(flag));
  const optional = (flag: string, shape: readonly number[]): Tensor | null => (key.has(flag) ? signedInput(engine, shape) : null);
  const a = signedInput(engine, [sharedA ? 1 : problems, m * k]);
  const b = signedInput(engine, [sharedB ? 1 : problems, k * n]);
  const outputs = sumProblems ? [m, n] : [problems, m, n];
  const y = engine.empty(outputs);
  const bias = optional('bias', [n]);
  const residual = optional('residual', outputs);
  const preactivation = key.has('keep') ? engine.empty(outputs) : null;
  const rowSums = key.has('rowSums') ? engine.empty([m]) : null;
  return plainWorkload(engine, () => {
    launchProduct(engine, {
      a,
      b,
      y,
      m,
      n,
      k,
      problems,
      sharedA,
      sharedB,
      sumProblems,
      transposeA: key.has('tA'),
      transposeB: key.has('tB'),
      bias,
      gelu: key.has('gelu'),
      preactivation,
      residual,
      rowSums,
    });
    return [y, ...(preactivation ? [preactivation] : []), ...(rowSums ? [rowSums] : [])];
  });
}
