import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine, Tensor } from '../src/engine/index.js';
import { add, relu } from '../src/kernels/elementwise/index.js';
import { linear } from '../src/kernels/matmul/index.js';
import { batchNorm, layerNorm } from '../src/kernels/normalization/index.js';
import { randomValues, withOwnEngine } from './helpers.js';

const WIDTH = 16;
const ROWS = 64;

function parameter(engine: Engine, shape: readonly number[], seed: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const tensor = engine.tensor(randomValues(size, seed), shape);
  tensor.requiresGradient = true;
  tensor.gradient = engine.zeros(shape);
  return tensor;
}

interface Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly scale: Tensor;
  readonly shift: Tensor;
}

function layers(engine: Engine, count: number): Layer[] {
  return Array.from({ length: count }, (_, index) => ({
    weight: parameter(engine, [WIDTH, WIDTH], 10 * index + 1),
    bias: parameter(engine, [WIDTH], 10 * index + 2),
    scale: parameter(engine, [WIDTH], 10 * index + 3),
    shift: parameter(engine, [WIDTH], 10 * index + 4),
  }));
}

/** A residual block whose parameters the closure captures. */
function block(engine: Engine, x: Tensor, { weight, bias, scale, shift }: Layer): Tensor {
  const hidden = linear(engine, layerNorm(engine, x, scale, shift), weight, bias, { activation: 'gelu' });
  return linear(engine, hidden, weight, bias, { residual: x });
}

/** Traces blocks forward and backward. @returns the step, and what it leaves in x's and the parameters' gradients */
async function gradientsOf(engine: Engine, given: readonly Layer[], wrap: (body: () => Tensor) => Tensor) {
  const x = engine.tensor(randomValues(ROWS * WIDTH, 7), [ROWS, WIDTH]);
  const seed = engine.tensor(randomValues(ROWS * WIDTH, 8), [ROWS, WIDTH]);
  const step = await engine
    .capture('blocks', () =>
      engine.withTape((tape) => {
        tape.watch(x);
        let y = x;
        for (const layer of given) {
          const before = y;
          y = wrap(() => block(engine, before, layer));
        }
        tape.backward([[y, seed]]);
        return { y, dx: tape.gradientOf(x) as Tensor };
      }),
    )
    .prepare();
  step.run();
  const parameters = [...new Set(given.flatMap((layer) => Object.values(layer) as Tensor[]))];
  const tensors = [step.outputs.y, step.outputs.dx, ...parameters.map(({ gradient }) => gradient as Tensor)];
  const values: ArrayLike<number>[] = [];
  for (const tensor of tensors) values.push(await engine.read(tensor));
  step.destroy();
  return { step, values };
}

const kept = (body: () => Tensor) => body();

test('checkpointed blocks give the same bits, with parameters that the closure captures', () =>
  withOwnEngine(async (engine) => {
    const given = layers(engine, 4);
    const expected = await gradientsOf(engine, given, kept);
    const actual = await gradientsOf(engine, given, (body) => engine.checkpoint(body));
    assert.deepEqual(actual.values, expected.values);
  }));

test('a parameter that several checkpointed parts share gets the same sum of gradients', () =>
  withOwnEngine(async (engine) => {
    const [layer] = layers(engine, 1);
    const given = [layer, layer, layer];
    const expected = await gradientsOf(engine, given, kept);
    const actual = await gradientsOf(engine, given, (body) => engine.checkpoint(body));
    assert.deepEqual(actual.values, expected.values);
  }));

test('checkpointed parts nest', () =>
  withOwnEngine(async (engine) => {
    const given = layers(engine, 2);
    const expected = await gradientsOf(engine, given, kept);
    const actual = await gradientsOf(engine, given, (body) => engine.checkpoint(() => engine.checkpoint(body)));
    assert.deepEqual(actual.values, expected.values);
  }));

test('checkpointing shortens lifetimes: the step needs less memory, and runs the forward kernels again', () =>
  withOwnEngine(async (engine) => {
    const given = layers(engine, 8);
    const whole = (await gradientsOf(engine, given, kept)).step;
    const parts = (await gradientsOf(engine, given, (body) => engine.checkpoint(body))).step;
    assert.ok(parts.plan.lowerBoundBytes < 0.6 * whole.plan.lowerBoundBytes, `${parts.plan.lowerBoundBytes} of ${whole.plan.lowerBoundBytes} bytes`);
    const norms = ({ commands }: typeof whole) => commands.filter((command) => command.kind === 'dispatch' && /^normalization\/layer_norm(_kept|_quad)?$/.test(command.call.shader)).length;
    assert.equal(norms(whole), 8);
    assert.equal(norms(parts), 16);
  }));

test('running statistics move once in a checkpointed part', () =>
  withOwnEngine(async (engine) => {
    const statistics: ArrayLike<number>[] = [];
    for (const checkpointed of [false, true]) {
      const { scale, shift } = layers(engine, 1)[0];
      const running = engine.tensor(Float32Array.from({ length: 2 * WIDTH }, (_, index) => (index < WIDTH ? 0 : 1)), [2, WIDTH]);
      const x = engine.tensor(randomValues(ROWS * WIDTH, 7), [ROWS, WIDTH]);
      engine.withTape((tape) => {
        const body = () => batchNorm(engine, x, scale, shift, { running });
        tape.backward([[checkpointed ? engine.checkpoint(body) : body(), x]]);
      });
      statistics.push(await engine.read(running));
    }
    assert.deepEqual(statistics[1], statistics[0]);
  }));

test('a part with several outputs, one of them handed through, gives every gradient once', () =>
  withOwnEngine(async (engine) => {
    const gradients: number[][] = [];
    for (const checkpointed of [false, true]) {
      const x = engine.tensor(randomValues(8, 7), [8]);
      const gradient = engine.withTape((tape) => {
        tape.watch(x);
        const body = () => ({ same: x, doubled: add(engine, x, x), unused: relu(engine, x) });
        const { same, doubled } = checkpointed ? engine.checkpoint(body) : body();
        tape.backward([[add(engine, same, doubled), engine.tensor([1, 2, 3, 4, 5, 6, 7, 8], [8])]]);
        return tape.gradientOf(x) as Tensor;
      });
      gradients.push([...(await engine.read(gradient))]);
    }
    assert.deepEqual(gradients[0], [3, 6, 9, 12, 15, 18, 21, 24]);
    assert.deepEqual(gradients[1], gradients[0]);
  }));
