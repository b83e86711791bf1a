/** Errors of three ways to the gradient of a transport plan, as docs/sinkhorn-gradients.md tells them. */
import { type Engine, type Tensor } from '../src/engine/index.js';
import { sinkhorn } from '../src/kernels/sinkhorn/index.js';
import { randomValues, relativeError } from './helpers.js';
import { implicitGradients, unrolledGradients } from './reference/sinkhorn-gradient.js';

/** Rows of the table: ε and enough iterations for a residual at rounding. */
export const TABLE_ROWS: readonly (readonly [epsilon: number, iterations: number])[] = [
  [1, 50],
  [0.5, 100],
  [0.1, 500],
  [0.05, 1000],
  [0.02, 4000],
  [0.01, 4000],
];

/** Columns of the table, in their order. */
export const TABLE_COLUMNS = ['plan', 'dC', 'da', 'db', 'implicit', 'differences', 'implicit in f32'] as const;

export type TableErrors = Record<(typeof TABLE_COLUMNS)[number], number>;

const SIZE = 12;
/** Elements of dC that are checked by differences. */
const SAMPLES = 8;

function masses(seed: number): Float32Array<ArrayBuffer> {
  const raw = randomValues(SIZE, seed).map((value) => 1 + 0.8 * value);
  const sum = raw.reduce((total, value) => total + value, 0);
  return raw.map((value) => value / sum);
}

/** The problem of both tables: random costs in [0, 1], masses of 1, and a random dL/d plan. */
function inputs(): { cost: Float32Array<ArrayBuffer>; a: Float32Array<ArrayBuffer>; b: Float32Array<ArrayBuffer>; dplan: Float32Array<ArrayBuffer> } {
  return { cost: randomValues(SIZE * SIZE, 5).map((value) => (value + 1) / 2), a: masses(6), b: masses(7), dplan: randomValues(SIZE * SIZE, 9) };
}

/** Errors relative to the largest magnitude, for a 12 x 12 problem with random costs in [0, 1]. */
export async function measureErrors(engine: Engine, epsilon: number, iterations: number): Promise<TableErrors> {
  const problem = { n: SIZE, m: SIZE, epsilon, iterations };
  const { cost, a, b, dplan } = inputs();
  const [plan, dcost, da, db] = await engine.scope(async () => {
    const tensors = [engine.tensor(cost, [1, SIZE, SIZE]), engine.tensor(a, [1, SIZE]), engine.tensor(b, [1, SIZE])];
    const results = engine.withTape((tape) => {
      for (const tensor of tensors) tape.watch(tensor);
      const y = sinkhorn(engine, tensors[0], tensors[1], tensors[2], { epsilon, iterations }).plan;
      tape.backward([[y, engine.tensor(dplan, y.shape)]]);
      return [y, ...tensors.map((tensor) => tape.gradientOf(tensor) as Tensor)];
    });
    return Promise.all(results.map((tensor) => engine.read(tensor)));
  });
  const [c, ofRows, ofColumns, d] = [cost, a, b, dplan].map((values) => Float64Array.from(values));
  const exact = unrolledGradients(problem, c, ofRows, ofColumns, d);
  const implicit = implicitGradients(problem, exact.plan, d);
  const step = 1e-4 * epsilon;
  const loss = (): number => unrolledGradients(problem, c, ofRows, ofColumns, d).plan.reduce((sum, value, index) => sum + value * d[index], 0);
  const largest = Math.max(...exact.dcost.map(Math.abs));
  let differences = 0;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const element = sample * Math.floor((SIZE * SIZE) / SAMPLES) + (sample % 5);
    const kept = c[element];
    c[element] = kept + step;
    const above = loss();
    c[element] = kept - step;
    const below = loss();
    c[element] = kept;
    differences = Math.max(differences, Math.abs((above - below) / (2 * step) - exact.dcost[element]) / largest);
  }
  return {
    plan: relativeError(plan, exact.plan),
    dC: relativeError(dcost, exact.dcost),
    da: relativeError(da, exact.da),
    db: relativeError(db, exact.db),
    implicit: relativeError(implicit.dcost, exact.dcost),
    differences,
    'implicit in f32': relativeError(implicitGradients(problem, Float64Array.from(plan), d, Float32Array).dcost, exact.dcost),
  };
}

/** Iterations of the second table. */
export const TRUNCATED_ITERATIONS = 50;

/**
 * In float64, after 50 iterations: the L1 error of the row sums, and how far the implicit gradient of the cost is from
 * the gradient of what was computed, relative to its largest magnitude.
 */
export function measureTruncated(epsilon: number): { residual: number; implicit: number } {
  const problem = { n: SIZE, m: SIZE, epsilon, iterations: TRUNCATED_ITERATIONS };
  const { cost, a, b, dplan } = inputs();
  const [c, ofRows, ofColumns, d] = [cost, a, b, dplan].map((values) => Float64Array.from(values));
  const exact = unrolledGradients(problem, c, ofRows, ofColumns, d);
  let residual = 0;
  for (let row = 0; row < SIZE; row++) {
    residual += Math.abs(exact.plan.subarray(row * SIZE, (row + 1) * SIZE).reduce((sum, value) => sum + value, 0) - a[row]);
  }
  return { residual, implicit: relativeError(implicitGradients(problem, exact.plan, d).dcost, exact.dcost) };
}
