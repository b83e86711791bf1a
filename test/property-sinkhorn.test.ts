/** Transport plans of problems at random, in every variant: what must hold of them whatever the numbers are. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type Tensor } from '../src/engine/index.js';
import { sinkhorn, type SinkhornOptions } from '../src/kernels/sinkhorn/index.js';
import { checkGradients } from './gradient-check.js';
import { openTestEngine, randomValues, relativeError } from './helpers.js';
import { property, seeds, values, whole } from './property-runner.js';
import { columnSums, rowSums, sinkhornReference } from './reference/sinkhorn.js';

const engine = await openTestEngine();
after(() => engine.destroy());

/** Launch geometries: family and variant. */
const VARIANTS: readonly (readonly [string, string | null])[] = [
  ['workgroup', null],
  ['simd', null],
  ['tiled', 'wide'],
  ['tiled', 'narrow'],
  ['thread', null],
  ['lanes', null],
];

/** Rows and columns that some variants take. */
const MOST: Readonly<Record<string, number>> = { thread: 16, lanes: 16 };

function force([variant, tiles]: readonly [string, string | null]): void {
  engine.force('sinkhorn', variant);
  engine.force('sinkhorn-tiles', tiles);
}

interface Problems {
  batch: number;
  n: number;
  m: number;
  seed: number;
  variant: readonly [string, string | null];
}

const problems = (most: number): fc.Arbitrary<Problems> =>
  fc.record({ batch: whole(1, 3), n: whole(2, most), m: whole(2, most), seed: seeds, variant: fc.constantFrom(...VARIANTS) });

interface Inputs {
  cost: Float32Array<ArrayBuffer>;
  a: Float32Array<ArrayBuffer>;
  b: Float32Array<ArrayBuffer>;
}

/** Masses that sum to 1 in each problem; with `zeros`, about every fifth is 0 (never all). */
function masses(batch: number, count: number, seed: number, zeros: boolean): Float32Array<ArrayBuffer> {
  const raw = values([batch, count], seed, 0.8, 1).data;
  const result = raw.map((value, index) => (zeros && index % count > 0 && (index * 31 + seed) % 5 === 0 ? 0 : value));
  for (let start = 0; start < result.length; start += count) {
    const sum = result.subarray(start, start + count).reduce((total, value) => total + value, 0);
    for (let index = start; index < start + count; index++) result[index] /= sum;
  }
  return result;
}

function inputsOf({ batch, n, m, seed }: Problems, zeros = false): Inputs {
  return {
    cost: values([batch, n, m], seed, 0.5, 0.5).data,
    a: masses(batch, n, seed + 1, zeros),
    b: masses(batch, m, seed + 2, zeros),
  };
}

/** Plan, residual and iterations, and the gradients of cost, a and b for a fixed random loss. */
async function solve({ batch, n, m }: { batch: number; n: number; m: number }, { cost, a, b }: Inputs, options: SinkhornOptions, cotangent = randomValues(batch * n * m, 3)) {
  const [plan, residual, used, dcost, da, db] = await engine.scope(async () => {
    const tensors = [engine.tensor(cost, [batch, n, m]), engine.tensor(a, [batch, n]), engine.tensor(b, [batch, m])];
    const results = engine.withTape((tape) => {
      for (const tensor of tensors) tape.watch(tensor);
      const result = sinkhorn(engine, tensors[0], tensors[1], tensors[2], options);
      tape.backward([[result.plan, engine.tensor(cotangent, [batch, n, m])]]);
      return [result.plan, result.residual, result.iterationsUsed, ...tensors.map((tensor) => tape.gradientOf(tensor) as Tensor)];
    });
    return Promise.all(results.map((tensor) => engine.read(tensor)));
  });
  return { plan, residual, used, dcost, da, db } as Record<'plan' | 'residual' | 'used' | 'dcost' | 'da' | 'db', Float32Array>;
}

const relaxations = fc.option(fc.constantFrom(0.2, 1, 5), { nil: undefined });

for (const variant of VARIANTS) {
  test(`sinkhorn (${variant.filter(Boolean).join(', ')}): forward and gradients equal the float64 reference, with relaxed marginals, priors and zero masses`, () =>
    property(
      'sinkhorn',
      4,
      fc.tuple(problems(MOST[variant[0]] ?? 20), fc.record({ epsilon: fc.constantFrom(0.05, 0.1, 0.5), iterations: whole(1, 20), rho: relaxations, prior: fc.constantFrom('none', 'shared', 'own'), zeros: fc.boolean() })),
      async ([problem, { prior, zeros, ...options }]) => {
        force(variant);
        const { batch, n, m, seed } = problem;
        const { cost, a, b } = inputsOf(problem, zeros);
        const weights = values(prior === 'own' ? [batch, n, m] : [n, m], seed + 4, 0.5, 0.6);
        await checkGradients({
          engine,
          name: variant.join(' '),
          // Finite differences cannot step from a mass of 0, so only the cost is varied then.
          inputs: [{ shape: [batch, n, m], data: cost }, ...(zeros ? [] : [{ shape: [batch, n], data: a }, { shape: [batch, m], data: b }])],
          forward: ([c, ofRows, ofColumns]) =>
            sinkhorn(engine, c, ofRows ?? engine.tensor(a, [batch, n]), ofColumns ?? engine.tensor(b, [batch, m]), {
              ...options,
              prior: prior === 'none' ? undefined : engine.tensor(weights.data, weights.shape),
            }).plan,
          reference: ([c, ofRows, ofColumns]) =>
            sinkhornReference({ batch, n, m, ...options, prior: prior === 'none' ? undefined : weights.data }, c, ofRows ?? Float64Array.from(a), ofColumns ?? Float64Array.from(b)),
          backwardTolerance: 1e-4,
          samples: 6,
        });
      },
    ));
}

test('sinkhorn: converged plans have the marginals and the mass, and zero masses stay empty', () =>
  property('marginals', 6, problems(16), async (problem) => {
    force(problem.variant);
    const { batch, n, m } = problem;
    const inputs = inputsOf(problem, true);
    const { plan, residual } = await solve(problem, inputs, { epsilon: 0.5, iterations: 100, tolerance: 1e-6 });
    const [rows, columns] = [rowSums(plan, batch, n, m), columnSums(plan, batch, n, m)];
    rows.forEach((sum, index) => assert.ok(Math.abs(sum - inputs.a[index]) < 3e-6, `row ${index} has ${sum}, expected ${inputs.a[index]}`));
    columns.forEach((sum, index) => assert.ok(Math.abs(sum - inputs.b[index]) < 2e-6, `column ${index} has ${sum}, expected ${inputs.b[index]}`));
    for (let index = 0; index < batch; index++) {
      const mass = plan.subarray(index * n * m, (index + 1) * n * m).reduce((sum, value) => sum + value, 0);
      assert.ok(Math.abs(mass - 1) < 3e-6, `problem ${index} has mass ${mass}`);
      // What the kernel reports is what its plan shows.
      const left = rows.subarray(index * n, (index + 1) * n).reduce((sum, value, row) => sum + Math.abs(value - inputs.a[index * n + row]), 0);
      assert.ok(Math.abs(left - residual[index]) < 2e-6, `problem ${index} reports residual ${residual[index]}, its plan shows ${left}`);
    }
    plan.forEach((value, index) => {
      const empty = inputs.a[Math.floor(index / m)] === 0 || inputs.b[Math.floor(index / (n * m)) * m + (index % m)] === 0;
      assert.ok(empty ? value === 0 : value > 0, `entry ${index} is ${value}`);
    });
  }));

/** [batch, n, m] with the last two dimensions exchanged. */
function transposed(values: ArrayLike<number>, batch: number, n: number, m: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: batch * n * m }, (_, index) => {
    const [problem, j, i] = [Math.floor(index / (n * m)), Math.floor((index % (n * m)) / n), index % n];
    return values[problem * n * m + i * m + j];
  });
}

test('sinkhorn: transport back is transport there: OT(a, b, C) = OT(b, a, Cᵀ)ᵀ, and so are its gradients', () =>
  property('symmetry', 6, fc.tuple(problems(12), relaxations), async ([problem, rho]) => {
    force(problem.variant);
    const { batch, n, m } = problem;
    const { cost, a, b } = inputsOf(problem);
    const cotangent = randomValues(batch * n * m, 3);
    const options = { epsilon: 0.5, iterations: 110, rho };
    const there = await solve(problem, { cost, a, b }, options, cotangent);
    const back = await solve({ batch, n: m, m: n }, { cost: transposed(cost, batch, n, m), a: b, b: a }, options, transposed(cotangent, batch, n, m));
    const close = (what: string, left: ArrayLike<number>, right: ArrayLike<number>, tolerance: number): void => {
      const error = relativeError(left, right);
      assert.ok(error < tolerance, `${what} differ by ${error.toExponential(2)}`);
    };
    close('plans', transposed(back.plan, batch, m, n), there.plan, 5e-6);
    close('gradients of the cost', transposed(back.dcost, batch, m, n), there.dcost, 3e-5);
    // With hard marginals the gradients of a and b are free up to a constant each, and the last update settles it.
    const centred = (gradient: Float32Array, count: number): Float32Array =>
      gradient.map((value, index) => {
        const start = index - (index % count);
        return rho === undefined ? value - gradient.subarray(start, start + count).reduce((sum, entry) => sum + entry, 0) / count : value;
      });
    close('gradients of a', centred(back.db, n), centred(there.da, n), 3e-5);
    close('gradients of b', centred(back.da, m), centred(there.db, m), 3e-5);
  }));

test('sinkhorn: permuting rows and columns permutes the plan and its gradients', () =>
  property('permutation', 6, problems(12), async (problem) => {
    force(problem.variant);
    const { batch, n, m, seed } = problem;
    const order = (count: number, from: number): number[] => {
      const keys = randomValues(count, from);
      return [...keys.keys()].sort((left, right) => keys[left] - keys[right]);
    };
    const [rowOrder, columnOrder] = [order(n, seed + 5), order(m, seed + 6)];
    const matrix = (from: ArrayLike<number>): Float32Array<ArrayBuffer> =>
      Float32Array.from({ length: batch * n * m }, (_, index) => {
        const [row, column] = [Math.floor((index % (n * m)) / m), index % m];
        return from[Math.floor(index / (n * m)) * n * m + rowOrder[row] * m + columnOrder[column]];
      });
    const line = (from: ArrayLike<number>, by: number[]): Float32Array<ArrayBuffer> =>
      Float32Array.from({ length: batch * by.length }, (_, index) => from[Math.floor(index / by.length) * by.length + by[index % by.length]]);
    const { cost, a, b } = inputsOf(problem);
    const cotangent = randomValues(batch * n * m, 3);
    const options = { epsilon: 0.1, iterations: 30 };
    const plain = await solve(problem, { cost, a, b }, options, cotangent);
    const moved = await solve(problem, { cost: matrix(cost), a: line(a, rowOrder), b: line(b, columnOrder) }, options, matrix(cotangent));
    // Sums run in another order, so the last bits may differ.
    assert.ok(relativeError(moved.plan, matrix(plain.plan)) < 5e-6, 'plans');
    assert.ok(relativeError(moved.dcost, matrix(plain.dcost)) < 3e-5, 'gradients of the cost');
    assert.ok(relativeError(moved.da, line(plain.da, rowOrder)) < 5e-5, 'gradients of a');
    assert.ok(relativeError(moved.db, line(plain.db, columnOrder)) < 5e-5, 'gradients of b');
  }));

test('sinkhorn: a batch equals the loop over its problems, bit for bit, and early exit of one leaves the others alone', () =>
  property('batches', 6, fc.tuple(problems(12), fc.constantFrom(0, 1e-4)), async ([shape, tolerance]) => {
    force(shape.variant);
    const problem = { ...shape, batch: 3 };
    const { n, m } = problem;
    const inputs = inputsOf(problem);
    // Problem 1 costs the same everywhere: it is solved at the first look.
    inputs.cost.fill(0.5, n * m, 2 * n * m);
    const cotangent = randomValues(3 * n * m, 3);
    const options = { epsilon: 0.05, iterations: 23, tolerance };
    const together = await solve(problem, inputs, options, cotangent);
    if (tolerance > 0) assert.equal(together.used[1], 5, 'the easy problem stops at the first look');
    for (let index = 0; index < 3; index++) {
      const part = (from: Float32Array, count: number): Float32Array<ArrayBuffer> => Float32Array.from(from.subarray(index * count, (index + 1) * count));
      const alone = await solve({ batch: 1, n, m }, { cost: part(inputs.cost, n * m), a: part(inputs.a, n), b: part(inputs.b, m) }, options, part(cotangent, n * m));
      assert.deepEqual(alone.plan, part(together.plan, n * m), `plan of problem ${index}`);
      assert.deepEqual(alone.dcost, part(together.dcost, n * m), `gradient of the cost of problem ${index}`);
      assert.deepEqual(alone.da, part(together.da, n), `gradient of a of problem ${index}`);
      assert.deepEqual(alone.db, part(together.db, m), `gradient of b of problem ${index}`);
      assert.equal(alone.used[0], together.used[index], `iterations of problem ${index}`);
      assert.equal(alone.residual[0], together.residual[index], `residual of problem ${index}`);
    }
  }));
