/** Matrix products, with their epilogues. */
import type { Engine } from '../../engine/index.js';
import { launchProduct } from '../../kernels/matmul/index.js';
import { readProblemKey } from '../../kernels/problem-key.js';
import { signedInput } from './inputs.js';
import { plainWorkload, type Workload } from './workload.js';

/** The product that a key of the families 'matmul', 'matmul-f16' and 'matmul-splits' describes; see `launchProduct`. */
export function matmulWorkload(engine: Engine, problem: string): Workload {
  const key = readProblemKey(problem);
  const [m, n, k, problems] = ['m', 'n', 'k', 'b'].map((name) => key.size(name));
  const [sharedA, sharedB, sumProblems] = ['oneA', 'oneB', 'sum'].map((flag) => key.has(flag));
  const [operands, results] = ['half', 'halfY'].map((flag) => (key.has(flag) ? ('f16' as const) : ('f32' as const)));
  const a = signedInput(engine, [sharedA ? 1 : problems, m * k], operands);
  const b = signedInput(engine, [sharedB ? 1 : problems, k * n], operands);
  const outputs = sumProblems ? [m, n] : [problems, m, n];
  const y = engine.empty(outputs, results);
  const bias = key.has('bias') ? signedInput(engine, [n]) : null;
  const residual = key.has('residual') ? signedInput(engine, outputs, results) : null;
  const geluGradient = key.has('dgelu') ? signedInput(engine, outputs, results) : null;
  const preactivation = key.has('keep') ? engine.empty(outputs, results) : null;
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
      geluGradient,
      rowSums,
    });
    return [y, ...(preactivation ? [preactivation] : []), ...(rowSums ? [rowSums] : [])];
  });
}
