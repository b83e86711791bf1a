/** Sums of a captured step that wait for each other: what they give, and that they really end together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError, type CapturedStep, type Engine, type Tensor } from '../src/engine/index.js';
import { windowAttention } from '../src/kernels/attention/index.js';
import { add } from '../src/kernels/elementwise/index.js';
import { linear } from '../src/kernels/matmul/index.js';
import { layerNorm } from '../src/kernels/normalization/index.js';
import { sumOf } from '../src/kernels/reduction/index.js';
import { randomValues, withEngine } from './helpers.js';

const [ROWS, WIDTH, HIDDEN] = [96, 16, 24];
/** Parameters of two layers, of a width that is no multiple of 4 too, in one arena. */
const SHAPES = [[HIDDEN, WIDTH], [HIDDEN], [WIDTH, HIDDEN], [WIDTH], [WIDTH], [WIDTH], [7, WIDTH], [7]] as const;
const STRIDE = 512;

function launches(step: CapturedStep<unknown>, shader: string): number {
  return step.commands.filter((command) => command.kind === 'dispatch' && command.call.shader === shader).length;
}

/** Gradients of all parameters, in one arena; the first layer is used `uses` times. */
function backward(engine: Engine, values: Tensor, gradients: Tensor, x: Tensor, seed: Tensor, uses: number): void {
  const [up, upBias, down, downBias, scale, shift, last, lastBias] = SHAPES.map((shape, index) => {
    const tensor = engine.view(values, STRIDE * index, shape);
    tensor.requiresGradient = true;
    tensor.gradient = engine.view(gradients, STRIDE * index, shape);
    return tensor;
  });
  engine.withTape((tape) => {
    let y = layerNorm(engine, x, scale, shift);
    for (let use = 0; use < uses; use++) y = linear(engine, linear(engine, y, up, upBias), down, downBias);
    tape.backward([[linear(engine, y, last, lastBias), seed]]);
  });
}

for (const uses of [1, 2]) {
  test(`gradients that wait for each other have the bits of eager ones, a layer used ${uses} times`, () =>
    withEngine(async (engine) => {
      const size = STRIDE * SHAPES.length;
      const values = engine.tensor(randomValues(size, 1), [size]);
      const x = engine.tensor(randomValues(ROWS * WIDTH, 2), [ROWS, WIDTH]);
      const seed = engine.tensor(randomValues(ROWS * 7, 3), [ROWS, 7]);
      const [eager, captured] = [engine.zeros([size]), engine.zeros([size])];
      backward(engine, values, eager, x, seed, uses);
      const step = await engine.capture('gradients', () => backward(engine, values, captured, x, seed, uses)).prepare();
      step.run();
      assert.deepEqual(await engine.read(captured), await engine.read(eager));
      // One launch of vec4s and one of floats; a second use has to add to what the first has given.
      if (uses === 1) assert.deepEqual([launches(step, 'reduction/column_sums_finish'), launches(step, 'reduction/column_sum_finish')], [2, 0]);
      step.destroy();
    }));
}

test('two sums over results of one kernel can wait and be joined', () =>
  withEngine(async (engine) => {
    // A map that is padded: the kernel writes shares of the table's gradient and the gradients of the padding.
    const options = { heads: 2, windowSize: 4, shift: 1 };
    const x = engine.tensor(randomValues(2 * 6 * 6 * 24, 1), [2, 6, 6, 24]);
    const seed = engine.tensor(randomValues(2 * 6 * 6 * 8, 2), [2, 6, 6, 8]);
    const values = engine.tensor(randomValues(1024, 3), [1024]);
    const attend = (gradients: Tensor) => {
      const [table, padQkv] = ([[0, [49, 2]], [512, [24]]] as const).map(([at, shape]) => {
        const tensor = engine.view(values, at, shape);
        tensor.requiresGradient = true;
        tensor.gradient = engine.view(gradients, at, shape);
        return tensor;
      });
      engine.withTape((tape) => tape.backward([[windowAttention(engine, x, table, { ...options, padQkv }), seed]]));
    };
    const [eager, captured] = [engine.zeros([1024]), engine.zeros([1024])];
    attend(eager);
    const step = await engine.capture('padded attention', () => attend(captured)).prepare();
    step.run();
    assert.deepEqual(await engine.read(captured), await engine.read(eager));
    assert.equal(launches(step, 'reduction/column_sum_finish'), 0, 'both sums wait');
    step.destroy();
  }));

test('sums that wait are there for the command that needs them', () =>
  withEngine(async (engine) => {
    const x = engine.tensor(randomValues(3000, 4), [3000]);
    const both = () => add(engine, sumOf(engine, x, { factor: 2 }), sumOf(engine, x, { map: 'square', offset: 1 }));
    const step = await engine.capture('sums', both).prepare();
    step.run();
    assert.deepEqual(await engine.read(step.outputs), await engine.read(both()));
    assert.deepEqual([launches(step, 'reduction/sums_finish'), launches(step, 'reduction/sum_finish')], [1, 0]);
    step.destroy();
  }));

test('only f32 tensors of the step, each with a storage of its own, can be joined', () =>
  withEngine(async (engine) => {
    const outside = engine.zeros([4]);
    assert.throws(() => engine.join([outside], 'joined'), KernelError);
    const refused = (given: () => Tensor[]) =>
      engine.capture('refused', () => assert.throws(() => engine.join(given(), 'joined'), KernelError)).destroy();
    refused(() => [outside]);
    refused(() => [engine.empty([4], 'u32')]);
    refused(() => {
      const x = engine.empty([128]);
      return [x, engine.view(x, 64, [64])];
    });
  }));
