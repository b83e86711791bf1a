import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError, type Engine, type KernelCall, type Tensor } from '../src/engine/index.js';
import { sinkhorn, type SinkhornOptions } from '../src/kernels/sinkhorn/index.js';
import { withGeometry } from './geometries.js';
import { checkGradients } from './gradient-check.js';
import { expectClose, randomValues, relativeError, withEngine } from './helpers.js';
import { unrolledGradients, type TransportProblem } from './reference/sinkhorn-gradient.js';
import { columnSums, rowSums, sinkhornReference, type SinkhornCase } from './reference/sinkhorn.js';

/** Masses in [0.2, 1.8] / sum, each problem's summing to 1. */
function masses(batch: number, count: number, seed: number): Float32Array<ArrayBuffer> {
  const values = randomValues(batch * count, seed).map((value) => 1 + 0.8 * value);
  for (let problem = 0; problem < batch; problem++) normalise(values.subarray(problem * count, (problem + 1) * count));
  return values;
}

function normalise(values: Float32Array): void {
  const sum = values.reduce((total, value) => total + value, 0);
  for (let index = 0; index < values.length; index++) values[index] /= sum;
}

/** Costs in [0, 1] (1 − cosine of similar features), and masses of 1. */
function inputsOf({ batch, n, m }: SinkhornCase): { shape: number[]; data: Float32Array<ArrayBuffer> }[] {
  return [
    { shape: [batch, n, m], data: randomValues(batch * n * m, 5).map((value) => (value + 1) / 2) },
    { shape: [batch, n], data: masses(batch, n, 6) },
    { shape: [batch, m], data: masses(batch, m, 7) },
  ];
}

function optionsOf(engine: Engine, { epsilon, iterations, rho, prior, batch, n, m }: SinkhornCase): SinkhornOptions {
  const shape = prior && prior.length === n * m ? [n, m] : [batch, n, m];
  return { epsilon, iterations, rho, prior: prior && engine.tensor(Float32Array.from(prior), shape) };
}

function solve(engine: Engine, inputs: { shape: number[]; data: Float32Array }[], options: SinkhornOptions) {
  const [cost, a, b] = inputs.map(({ shape, data }) => engine.tensor(Float32Array.from(data), shape));
  return sinkhorn(engine, cost, a, b, options);
}

function priorOf(count: number): Float64Array {
  return Float64Array.from(randomValues(count, 11), (value) => 0.1 + (value + 1) / 2);
}

/** Few different sizes in this file: variant 'thread' is compiled for each, a second or two. */
const CASES: Record<string, SinkhornCase> = {
  'one iteration': { batch: 3, n: 4, m: 4, epsilon: 0.5, iterations: 1 },
  'the model’s size': { batch: 5, n: 12, m: 12, epsilon: 0.1, iterations: 30 },
  'more columns than rows': { batch: 3, n: 5, m: 9, epsilon: 0.1, iterations: 12 },
  'more rows than columns': { batch: 2, n: 11, m: 3, epsilon: 0.2, iterations: 12 },
  'a single row': { batch: 2, n: 1, m: 6, epsilon: 0.2, iterations: 3, rho: 0.5 },
  'a single column': { batch: 2, n: 6, m: 1, epsilon: 0.2, iterations: 3, rho: 0.5 },
  'epsilon 0.01': { batch: 2, n: 6, m: 6, epsilon: 0.01, iterations: 20 },
  'relaxed marginals': { batch: 3, n: 9, m: 14, epsilon: 0.1, iterations: 15, rho: 0.5 },
  'a prior shared by the batch': { batch: 3, n: 6, m: 7, epsilon: 0.1, iterations: 15, prior: priorOf(42) },
  'a prior for each problem': { batch: 3, n: 6, m: 7, epsilon: 0.1, iterations: 15, prior: priorOf(126), rho: 1 },
  'more rows than invocations': { batch: 2, n: 70, m: 66, epsilon: 0.2, iterations: 4 },
};

/** Every way through the kernels: a variant, and a geometry of the launches for large problems. */
const VARIANTS: readonly (readonly [string, string | null])[] = [
  ['workgroup', null],
  ['simd', null],
  ['tiled', 'wide'],
  ['tiled', 'narrow'],
  ['thread', null],
  ['grid', null],
  ['lanes', null],
];

/** The rows or columns that a variant takes. */
const SIZES: Readonly<Record<string, readonly [least: number, most: number]>> = { thread: [1, 16], lanes: [1, 16], grid: [1, 160] };

function force(engine: Engine, [variant, tiles]: readonly [string | null, string | null]): void {
  engine.force('sinkhorn', variant);
  engine.force('sinkhorn-tiles', tiles);
}

for (const [name, options] of Object.entries(CASES)) {
  test(`sinkhorn: ${name}`, () =>
    withEngine(async (engine) => {
      for (const variant of VARIANTS) {
        const [least, most] = SIZES[String(variant[0])] ?? [1, Infinity];
        const size = Math.max(options.n, options.m);
        if (size < least || size > most) continue;
        force(engine, variant);
        await checkGradients({
          engine,
          name: `${name} (${variant.filter(Boolean).join(', ')})`,
          inputs: inputsOf(options),
          forward: ([cost, a, b]) => sinkhorn(engine, cost, a, b, optionsOf(engine, options)).plan,
          reference: ([cost, a, b]) => sinkhornReference(options, cost, a, b),
          forwardTolerance: 2e-6,
          backwardTolerance: 5e-5,
          step: options.epsilon < 0.05 ? 1e-6 : 1e-5,
          samples: options.n > 60 ? 4 : 12,
        });
      }
    }));
}

/** Device results against the float64 gradients of every single element, for one problem. */
async function checkLong(engine: Engine, problem: TransportProblem, seed: number, tolerance: { plan: number; gradients: number }): Promise<void> {
  const { n, m, epsilon, iterations, rho } = problem;
  const cost = randomValues(n * m, seed).map((value) => (value + 1) / 2);
  const [a, b] = [masses(1, n, seed + 1), masses(1, m, seed + 2)];
  const dplan = randomValues(n * m, 21);
  const [c, ofRows, ofColumns, d] = [cost, a, b, dplan].map((values) => Float64Array.from(values));
  const expected = unrolledGradients(problem, c, ofRows, ofColumns, d);
  const inputs = [{ shape: [1, n, m], data: cost }, { shape: [1, n], data: a }, { shape: [1, m], data: b }];
  const [plan, dcost, da, db] = await planAndGradients(engine, inputs, { epsilon, iterations, rho });
  for (const [what, actual, wanted, limit] of [
    ['plan', plan, expected.plan, tolerance.plan],
    ['gradient of the cost', dcost, expected.dcost, tolerance.gradients],
    ['gradient of a', da, expected.da, tolerance.gradients],
    ['gradient of b', db, expected.db, tolerance.gradients],
  ] as const) {
    const error = relativeError(actual, wanted);
    assert.ok(error <= limit, `${n} x ${m}, epsilon ${epsilon}, ${iterations} iterations: ${what} is off by ${error.toExponential(2)}, more than ${limit}`);
  }
}

test('sinkhorn: thousands of iterations at epsilon 0.01 keep their digits, forward and backward', () =>
  withEngine(async (engine) => {
    // PyTorch's algorithm in f32 is off by 4e-6, 3e-5, 1e-4 and 5e-5 in a problem like the first.
    for (const [problem, variant] of [
      [{ n: 12, m: 12, epsilon: 0.01, iterations: 4000 }, VARIANTS[0]],
      [{ n: 12, m: 12, epsilon: 0.01, iterations: 4000 }, VARIANTS[1]],
      [{ n: 9, m: 14, epsilon: 0.01, iterations: 2000, rho: 1 }, VARIANTS[1]],
      [{ n: 12, m: 12, epsilon: 0.01, iterations: 500 }, VARIANTS[3]],
      [{ n: 12, m: 12, epsilon: 0.01, iterations: 4000 }, VARIANTS[4]],
      [{ n: 9, m: 14, epsilon: 0.01, iterations: 2000, rho: 1 }, VARIANTS[4]],
      [{ n: 12, m: 12, epsilon: 0.01, iterations: 4000 }, VARIANTS[6]],
      [{ n: 9, m: 14, epsilon: 0.01, iterations: 2000, rho: 1 }, VARIANTS[6]],
    ] as const) {
      force(engine, variant);
      await checkLong(engine, problem, 5, { plan: 2e-6, gradients: 2e-5 });
    }
  }));

/** What each way through scalings marks a problem with that was solved in the log domain. */
const MARKS = {
  thread: { n: 7, m: 9, shader: 'sinkhorn/sinkhorn_thread_backward', binding: 'record', marksOf: (record: readonly number[]) => record.slice(0, 3).map((count) => count < 0) },
  lanes: { n: 7, m: 9, shader: 'sinkhorn/sinkhorn_lanes_backward', binding: 'record', marksOf: (record: readonly number[]) => [0, 1, 2].map((problem) => record[problem * (record.length / 3)] < 0) },
  grid: { n: 17, m: 18, shader: 'sinkhorn/sinkhorn_grid_backward', binding: 'history', marksOf: (history: readonly number[]) => [0, 1, 2].map((problem) => history[problem * (history.length / 3) + 1] > 0) },
  tiled: { n: 7, m: 9, shader: 'sinkhorn/tiled_backward_update', binding: 'history', marksOf: (history: readonly number[]) => [0, 1, 2].map((problem) => history[problem * (history.length / 3) + 1] > 0) },
};

for (const [variant, { n, m, shader, binding, marksOf }] of Object.entries(MARKS)) {
  test(`sinkhorn: what scalings cannot hold is solved in the log domain, beside problems that they can (${variant})`, () =>
    withEngine(async (engine) => {
      force(engine, [variant, null]);
      // Problem 1 sends half as much again as its columns take: its scalings grow by that in every iteration.
      const shape: SinkhornCase = { batch: 3, n, m, epsilon: 0.1, iterations: 201 };
      const inputs = inputsOf(shape);
      inputs[1].data = inputs[1].data.map((value, index) => (Math.floor(index / n) === 1 ? 1.5 * value : value));
      let records: Promise<ArrayLike<number>> | null = null;
      const stop = engine.observe({ launch: ({ call }) => void (call.shader === shader && (records ??= engine.read(call.tensors[binding]))) });
      const results = await planAndGradients(engine, inputs, { epsilon: 0.1, iterations: 201 });
      stop();
      assert.deepEqual(marksOf([...((await records) ?? [])]), [false, true, false], 'the second problem alone is marked as solved in the log domain');
      for (let problem = 0; problem < 3; problem++) {
        const part = (values: ArrayLike<number>, size: number): Float64Array => Float64Array.from(values).slice(problem * size, (problem + 1) * size);
        const [c, a, b] = [part(inputs[0].data, n * m), part(inputs[1].data, n), part(inputs[2].data, m)];
        const { plan, dcost, da, db } = unrolledGradients(shape, c, a, b, part(randomValues(3 * n * m, 21), n * m));
        [plan, dcost, da, db].forEach((expected, index) => {
          const error = relativeError(part(results[index], expected.length), expected);
          assert.ok(error < 2e-5, `problem ${problem}, output ${index} is off by ${error.toExponential(2)}`);
        });
      }
    }));
}

test('sinkhorn: problems of up to 1024 x 1024 equal the float64 reference', () =>
  withEngine(async (engine) => {
    for (const [problem, tiles] of [
      [{ n: 1024, m: 1024, epsilon: 0.01, iterations: 3 }, 'narrow'],
      [{ n: 300, m: 700, epsilon: 0.05, iterations: 10 }, 'wide'],
      [{ n: 257, m: 3, epsilon: 0.1, iterations: 20, rho: 0.5 }, 'narrow'],
      [{ n: 2, m: 1000, epsilon: 0.02, iterations: 20 }, 'wide'],
    ] as const) {
      force(engine, [null, tiles]);
      await checkLong(engine, problem, 31, { plan: 4e-6, gradients: 2e-5 });
    }
  }));

test('sinkhorn: a captured step gives the bits of the eager run, also for a tiled problem', () =>
  withEngine(async (engine) => {
    for (const variant of ['simd', 'tiled', 'thread', 'lanes'] as const) {
      force(engine, [variant, null]);
      const shape: SinkhornCase = { batch: 2, n: 5, m: 9, epsilon: 0.05, iterations: 25 };
      const inputs = inputsOf(shape);
      const options = { epsilon: 0.05, iterations: 25, tolerance: 1e-3 };
      const eager = await planAndGradients(engine, inputs, options);
      const tensors = inputs.map(({ shape: dimensions, data }) => engine.tensor(data, dimensions));
      const step = engine.capture('transport', () => record(engine, tensors, options));
      await step.prepare();
      for (let replay = 0; replay < 2; replay++) {
        step.run();
        const captured = await Promise.all(step.outputs.map((tensor) => engine.read(tensor)));
        captured.forEach((values, index) => assert.deepEqual(values, eager[index], `${variant}, replay ${replay}, output ${index}`));
      }
      step.destroy();
    }
  }));

test('sinkhorn: without a gradient no history is kept', () =>
  withEngine(async (engine) => {
    const inputs = inputsOf({ batch: 1, n: 6, m: 6, epsilon: 0.5, iterations: 1 });
    for (const variant of ['simd', 'tiled', 'thread', 'lanes'] as const) {
      force(engine, [variant, null]);
      const bytesOf = (body: () => void): number =>
        engine.scope(() => {
          const before = engine.memory.bytes;
          body();
          return engine.memory.bytes - before;
        });
      const options = { epsilon: 0.5, iterations: 400 };
      const without = bytesOf(() => solve(engine, inputs, options));
      const within = bytesOf(() => {
        engine.withTape((tape) => {
          const [cost, a, b] = inputs.map(({ shape, data }) => engine.tensor(data, shape));
          tape.watch(cost);
          sinkhorn(engine, cost, a, b, options);
        });
      });
      // The least that any of them keeps of an iteration: a number for each column.
      assert.ok(within - without >= 400 * 6 * 4, `${variant}: ${without} bytes without a gradient, ${within} with one`);
    }
  }));

test('sinkhorn: the plan has the marginals, and the residual and the iterations say so', () =>
  withEngine(async (engine) => {
    const options: SinkhornCase = { batch: 4, n: 12, m: 10, epsilon: 0.5, iterations: 200 };
    const inputs = inputsOf(options);
    const { plan, residual, iterationsUsed } = solve(engine, inputs, { epsilon: 0.5, iterations: 200, tolerance: 1e-5 });
    const values = await engine.read(plan);
    await expectClose(engine, engine.tensor(rowSums(values, 4, 12, 10) as unknown as number[], [48]), inputs[1].data, 1e-4, 'row sums');
    await expectClose(engine, engine.tensor(columnSums(values, 4, 12, 10) as unknown as number[], [40]), inputs[2].data, 1e-5, 'column sums');
    const used = await engine.read(iterationsUsed);
    const left = await engine.read(residual);
    for (let problem = 0; problem < 4; problem++) {
      assert.ok(used[problem] >= 5 && used[problem] < 200 && used[problem] % 5 === 0, `problem ${problem} used ${used[problem]} iterations`);
      assert.ok(left[problem] < 1e-5, `problem ${problem} has residual ${left[problem]}`);
    }
  }));

test('sinkhorn: problems of one batch stop on their own, and stopping keeps the gradient exact', () =>
  withEngine(async (engine) => {
    // Problem 0 has equal costs and is solved at once; problem 1 is not solved within 20 iterations.
    const shape: SinkhornCase = { batch: 2, n: 6, m: 6, epsilon: 0.05, iterations: 20 };
    const inputs = inputsOf(shape);
    inputs[0].data.fill(0.5, 0, 36);
    const { iterationsUsed, residual } = solve(engine, inputs, { epsilon: 0.05, iterations: 20, tolerance: 1e-6 });
    assert.deepEqual([...(await engine.read(iterationsUsed))], [5, 20]);
    const left = await engine.read(residual);
    assert.ok(left[0] < 1e-6 && left[1] > 1e-6, `residuals ${left.join(', ')}`);
    await checkGradients({
      engine,
      name: 'early exit',
      inputs,
      forward: ([cost, a, b]) => sinkhorn(engine, cost, a, b, { epsilon: 0.05, iterations: 20, tolerance: 1e-6 }).plan,
      reference: ([cost, a, b]) => {
        const first = sinkhornReference({ ...shape, batch: 1, iterations: 5 }, cost.subarray(0, 36), a.subarray(0, 6), b.subarray(0, 6));
        const second = sinkhornReference({ ...shape, batch: 1 }, cost.subarray(36), a.subarray(6), b.subarray(6));
        return [...first, ...second];
      },
      forwardTolerance: 1e-4,
      backwardTolerance: 1e-3,
    });
  }));

/** Plan, gradients of cost, a and b for a random loss, and residuals, as tensors. */
function record(engine: Engine, tensors: Tensor[], options: SinkhornOptions): Tensor[] {
  return engine.withTape((tape) => {
    for (const tensor of tensors) tape.watch(tensor);
    const [cost, a, b] = tensors;
    const { plan, residual } = sinkhorn(engine, cost, a, b, options);
    tape.backward([[plan, engine.tensor(randomValues(plan.size, 21), plan.shape)]]);
    return [plan, ...tensors.map((tensor) => tape.gradientOf(tensor) as Tensor), residual];
  });
}

/** The same, read. */
async function planAndGradients(engine: Engine, inputs: { shape: number[]; data: Float32Array }[], options: SinkhornOptions): Promise<Float32Array[]> {
  const results = record(engine, inputs.map(({ shape, data }) => engine.tensor(Float32Array.from(data), shape)), options);
  return (await Promise.all(results.map((tensor) => engine.read(tensor)))) as Float32Array[];
}

for (const rho of [undefined, 0.5]) {
  test(`sinkhorn: zero masses and forbidden pairs give zeros, never NaN (${rho ? 'relaxed' : 'hard'} marginals)`, () =>
    withEngine(async (engine) => {
      const shape: SinkhornCase = { batch: 3, n: 6, m: 7, epsilon: 0.05, iterations: 25, rho, prior: new Float64Array(42).fill(1) };
      const inputs = inputsOf(shape);
      const [, a, b] = inputs;
      a.data[2] = 0; // problem 0: row 2
      normalise(a.data.subarray(0, 6));
      b.data[7 + 4] = 0; // problem 1: column 4
      normalise(b.data.subarray(7, 14));
      a.data.fill(0, 12, 18); // problem 2: nothing to send
      const prior = shape.prior as Float64Array;
      prior[1 * 7 + 3] = 0;
      for (let j = 0; j < 7; j++) prior[5 * 7 + j] = 0; // row 5 may send nowhere
      const [plan, ...gradients] = await planAndGradients(engine, inputs, optionsOf(engine, shape));
      for (const values of [plan, ...gradients]) assert.ok(values.every(Number.isFinite), 'every value must be finite');
      const expected = sinkhornReference(shape, Float64Array.from(inputs[0].data), Float64Array.from(a.data), Float64Array.from(b.data));
      plan.forEach((value, index) => assert.ok(Math.abs(value - (Number.isFinite(expected[index]) ? expected[index] : 0)) < 2e-5));
      assert.ok(plan.subarray(2 * 7, 3 * 7).every((value) => value === 0), 'the row without mass stays empty');
      assert.ok([0, 1, 2, 3, 4, 5].every((i) => plan[42 + i * 7 + 4] === 0), 'the column without mass stays empty');
      assert.ok([0, 1].every((problem) => plan[problem * 42 + 10] === 0), 'the forbidden pair stays empty');
      assert.ok(plan.subarray(84).every((value) => value === 0), 'a problem without mass has an empty plan');
      assert.equal(gradients[1][2], 0);
      assert.equal(gradients[2][7 + 4], 0);
      assert.ok(gradients[0].some((value) => value !== 0));
    }));
}

test('sinkhorn: the residual shows masses that do not balance', () =>
  withEngine(async (engine) => {
    const inputs = inputsOf({ batch: 1, n: 8, m: 8, epsilon: 0.5, iterations: 100 });
    inputs[1].data = inputs[1].data.map((value) => value * 1.5);
    const { residual } = solve(engine, inputs, { epsilon: 0.5, iterations: 100 });
    const [left] = await engine.read(residual);
    assert.ok(Math.abs(left - 0.5) < 1e-3, `residual ${left}, expected the missing mass 0.5`);
  }));

test('sinkhorn: relaxed marginals converge to what the optimum satisfies', () =>
  withEngine(async (engine) => {
    const inputs = inputsOf({ batch: 2, n: 8, m: 6, epsilon: 0.2, iterations: 100 });
    inputs[1].data = inputs[1].data.map((value) => value * 1.5);
    const { residual, iterationsUsed, plan } = solve(engine, inputs, { epsilon: 0.2, iterations: 100, rho: 0.5, tolerance: 1e-5 });
    const left = await engine.read(residual);
    const used = await engine.read(iterationsUsed);
    assert.ok(left.every((value) => value < 1e-5) && used.every((count) => count < 100), `residuals ${left.join(', ')} after ${used.join(', ')}`);
    const expected = sinkhornReference({ batch: 2, n: 8, m: 6, epsilon: 0.2, iterations: 500, rho: 0.5 }, ...(inputs.map(({ data }) => Float64Array.from(data)) as [Float64Array, Float64Array, Float64Array]));
    await expectClose(engine, plan, expected, 1e-4, 'relaxed plan');
  }));

test('sinkhorn: two runs give the same bits, forward and backward', () =>
  withEngine(async (engine) => {
    const shape: SinkhornCase = { batch: 3, n: 12, m: 12, epsilon: 0.1, iterations: 20 };
    const first = await planAndGradients(engine, inputsOf(shape), { epsilon: 0.1, iterations: 20 });
    const second = await planAndGradients(engine, inputsOf(shape), { epsilon: 0.1, iterations: 20 });
    first.forEach((values, index) => assert.deepEqual(Buffer.from(values.buffer), Buffer.from(second[index].buffer)));
  }));

/** The launches of a forward and a backward pass. */
function launches(engine: Engine, shape: SinkhornCase, options: SinkhornOptions): KernelCall[] {
  const calls: KernelCall[] = [];
  const stop = engine.observe({ launch: ({ call }) => void calls.push(call) });
  record(engine, inputsOf(shape).map(({ shape: dimensions, data }) => engine.tensor(data, dimensions)), options);
  stop();
  return calls.filter(({ shader }) => shader.startsWith('sinkhorn/'));
}

test('sinkhorn: a software adapter gives a thread to a small problem and a GPU several lanes, in two launches each way', () =>
  withEngine((engine) => {
    for (const [software, variant] of [[true, 'thread'], [false, 'lanes']] as const) {
      for (const [n, m] of [[12, 12], [3, 16]]) {
        const shaders = launches(withGeometry(engine, software), { batch: 3, n, m, epsilon: 0.1, iterations: 5 }, { epsilon: 0.1, iterations: 5 }).map(({ shader }) => shader);
        assert.deepEqual(shaders, [`sinkhorn_${variant}`, 'sinkhorn_thread_log', `sinkhorn_${variant}_backward`, 'sinkhorn_thread_log_backward'].map((name) => `sinkhorn/${name}`));
      }
    }
    return Promise.resolve();
  }));

test('sinkhorn: every variant states the same work', () =>
  withEngine((engine) => {
    const shape: SinkhornCase = { batch: 3, n: 5, m: 7, epsilon: 0.1, iterations: 6 };
    const works = VARIANTS.map((variant) => {
      force(engine, variant);
      const calls = launches(engine, shape, { epsilon: 0.1, iterations: 6 });
      return (['flops', 'bytes'] as const).map((what) => Math.round(calls.reduce((sum, call) => sum + (call[what] ?? 0), 0)));
    });
    const [entries, masses, history] = [3 * 35, 3 * 12, 3 * 7 * 6];
    // Both passes read costs and masses; one writes plan, residuals, iterations and history, the other reads plan's gradient and history and writes gradients.
    const expected = [12 * entries * 6, 4 * (2 * (entries + masses) + entries + 6 + history + 2 * entries + history + masses)];
    for (const work of works) assert.deepEqual(work, expected);
    return Promise.resolve();
  }));

test('sinkhorn: shapes and options that do not fit are refused in words', () =>
  withEngine(async (engine) => {
    const cost = engine.zeros([2, 3, 4]);
    const a = engine.zeros([2, 3]);
    const b = engine.zeros([2, 4]);
    const options = { epsilon: 0.1, iterations: 5 };
    const refused = (pattern: RegExp, call: () => unknown) =>
      assert.throws(call, (error: unknown) => error instanceof ShapeError && pattern.test(error.message));
    refused(/a has shape \[2, 4\], expected \[2, 3\]/, () => sinkhorn(engine, cost, b, b, options));
    refused(/prior has shape \[4, 3\], expected \[3, 4\]/, () => sinkhorn(engine, cost, a, b, { ...options, prior: engine.zeros([4, 3]) }));
    refused(/epsilon is 0, expected a positive number/, () => sinkhorn(engine, cost, a, b, { ...options, epsilon: 0 }));
    refused(/iterations is 0/, () => sinkhorn(engine, cost, a, b, { ...options, iterations: 0 }));
    refused(/rho is -1/, () => sinkhorn(engine, cost, a, b, { ...options, rho: -1 }));
    const limit = Math.min(engine.device.limits.maxBufferSize, engine.device.limits.maxStorageBufferBindingSize);
    const iterations = Math.ceil(limit / (7 * 8));
    engine.withTape((tape) => {
      tape.watch(cost);
      refused(/the gradient of 2 problems of 3 x 4 over \d+ iterations keeps \d+ MiB .* at most \d+ MiB in one buffer/, () => sinkhorn(engine, cost, a, b, { ...options, iterations }));
    });
    engine.force('sinkhorn', 'workgroup');
    assert.throws(() => sinkhorn(engine, engine.zeros([1, 300, 2]), engine.zeros([1, 300]), engine.zeros([1, 2]), options), /variant workgroup is forced, .* only tiled/);
  }));
