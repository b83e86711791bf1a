/** Launches that do the work of two: what they give must be what the two gave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError, type CapturedStep, type Engine, type Tensor } from '../src/engine/index.js';
import { add, stochasticResidual } from '../src/kernels/elementwise/index.js';
import { layerNorm } from '../src/kernels/normalization/index.js';
import { finishColumnSum } from '../src/kernels/reduction/index.js';
import { uniform } from '../src/kernels/random/index.js';
import { blockRate, StochasticDepth } from '../src/model/backbone/stochastic-depth.js';
import { randomValues, relativeError, withEngine } from './helpers.js';

function launches(step: CapturedStep<unknown>, shader: string): number {
  return step.commands.filter((command) => command.kind === 'dispatch' && command.call.shader === shader).length;
}

const ROWS = 37;

/** dL/dx of y = LN(x) + x, and of LN(x) alone, with the same dL/dy. */
async function normGradients(engine: Engine, columns: number, branch: (x: Tensor, norm: Tensor) => Tensor) {
  const size = ROWS * columns;
  const [x, dy] = [1, 2].map((seed) => engine.tensor(randomValues(size, seed), [ROWS, columns]));
  const [weight, bias] = [3, 4].map((seed) => engine.tensor(randomValues(columns, seed), [columns]));
  const step = await engine
    .capture('norm', () =>
      engine.withTape((tape) => {
        tape.watch(x);
        tape.backward([[branch(x, layerNorm(engine, x, weight, bias)), dy]]);
        return tape.gradientOf(x) as Tensor;
      }),
    )
    .prepare();
  step.run();
  const values = await engine.read(step.outputs);
  step.destroy();
  return { step, values, dy: await engine.read(dy) };
}

for (const columns of [32, 7]) {
  test(`layer norm adds the gradient that went past it, ${columns} columns`, () =>
    withEngine(async (engine) => {
      const past = await normGradients(engine, columns, (x, norm) => add(engine, x, norm));
      const alone = await normGradients(engine, columns, (_, norm) => norm);
      assert.ok(relativeError(past.values, Array.from(alone.values, (value, index) => value + past.dy[index])) < 1e-6);
      // The only sum left is the forward one.
      assert.equal(launches(past.step, 'elementwise/add'), 1);
    }));
}

test('a gradient that arrives after the norm is still added', () =>
  withEngine(async (engine) => {
    const twice = await normGradients(engine, 8, (x, norm) => add(engine, norm, add(engine, x, x)));
    const alone = await normGradients(engine, 8, (_, norm) => norm);
    assert.ok(relativeError(twice.values, Array.from(alone.values, (value, index) => value + 2 * twice.dy[index])) < 1e-6);
  }));

test('two column sums out of one first stage take one launch and may lie in one arena', () =>
  withEngine(async (engine) => {
    const partial = randomValues(3 * 100, 1);
    const arena = engine.zeros([256]);
    const [y, z] = [engine.view(arena, 0, [70]), engine.view(arena, 128, [20])];
    finishColumnSum(engine, engine.tensor(partial, [3, 100]), 10, y, z);
    const sums = Array.from({ length: 100 }, (_, column) => Math.fround(Math.fround(partial[column] + partial[100 + column]) + partial[200 + column]));
    assert.deepEqual([...(await engine.read(y))], sums.slice(10, 80));
    assert.deepEqual([...(await engine.read(z))], sums.slice(80));
    assert.deepEqual([...(await engine.read(arena))].slice(148), new Array(108).fill(0));
  }));

test('bindings that overlap, or that read beside what is written in one storage, are refused', () =>
  withEngine(async (engine) => {
    const arena = engine.zeros([256]);
    const partial = engine.tensor(randomValues(300, 1), [3, 100]);
    assert.throws(() => finishColumnSum(engine, partial, 0, engine.view(arena, 0, [70]), engine.view(arena, 64, [20])), KernelError);
    assert.throws(() => finishColumnSum(engine, engine.view(arena, 128, [2, 64]), 0, engine.view(arena, 0, [64])), KernelError);
  }));

test('stochastic depth leaves out the given share, scales the rest, and keeps the mean', () =>
  withEngine(async (engine) => {
    const samples = 4000;
    const draws = uniform(engine, [samples], engine.tensor(Uint32Array.of(1, 2), [2]), 7);
    const ones = engine.tensor(new Float32Array(samples * 2).fill(1), [samples, 2]);
    const y = await engine.read(stochasticResidual(engine, ones, ones, draws, 0.2));
    const factors = Array.from(y, (value) => value - 1);
    for (const factor of factors) assert.ok(factor === 0 || Math.abs(factor - 1.25) < 1e-6);
    const mean = factors.reduce((sum, value) => sum + value, 0) / factors.length;
    // Five standard deviations of a mean of 4000 samples.
    assert.ok(Math.abs(mean - 1) < 5 * Math.sqrt(0.25 / samples), `mean factor ${mean}`);
  }));

test('rates rise along a line, and every block and branch has draws of its own', () =>
  withEngine(async (engine) => {
    assert.deepEqual([0, 1, 2].map((block) => blockRate(0.2, block, 3)), [0, 0.1, 0.2]);
    const samples = 64;
    const depth = new StochasticDepth(engine, engine.tensor(Uint32Array.of(1, 2), [2]), samples, 0.5, 3);
    assert.deepEqual([0, 1, 2].map((block) => depth.applies(block)), [false, true, true]);
    const [zeros, ones] = [0, 1].map((value) => engine.tensor(new Float32Array(samples * 4).fill(value), [samples, 4]));
    const patterns: string[] = [];
    for (const [block, branch] of [[1, 0], [1, 1], [2, 0], [2, 1]] as const) patterns.push((await engine.read(depth.residual(zeros, ones, block, branch))).join());
    assert.equal(new Set(patterns).size, 4);
  }));
