/** Window attention on maps, windows, heads and shifts at random: gradients in every variant, and what must hold of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Tensor } from '../src/engine/index.js';
import { windowAttention } from '../src/kernels/attention/index.js';
import { forEachKind, isPadded } from './attention-kinds.js';
import { checkGradients } from './gradient-check.js';
import { sharedEngine, randomValues, relativeError } from './helpers.js';
import { property, seeds, values, whole } from './property-runner.js';
import { windowAttentionReference, type AttentionCase } from './reference/attention.js';

const engine = await sharedEngine();

interface Shape extends AttentionCase {
  seed: number;
}

/** Shapes from maps smaller than a window to some windows on each axis; work is bounded by the number of tokens. */
function shapes(windows: fc.Arbitrary<number>, headDims: fc.Arbitrary<number>, mostTokens: number): fc.Arbitrary<Shape> {
  return windows
    .chain((windowSize) =>
      fc.record({
        batch: whole(1, 2),
        height: whole(1, 2 * windowSize + 2),
        width: whole(1, 2 * windowSize + 2),
        heads: whole(1, 3),
        headDim: headDims,
        windowSize: fc.constant(windowSize),
        shift: whole(0, windowSize - 1),
        seed: seeds,
      }),
    )
    .filter(({ batch, height, width, windowSize }) => batch * Math.ceil(height / windowSize) * Math.ceil(width / windowSize) * windowSize ** 2 <= mostTokens);
}

/** qkv, table and padQkv; qkv large enough that the softmax is far from uniform. */
function inputsOf({ batch, height, width, heads, headDim, windowSize, seed }: Shape) {
  const triple = 3 * heads * headDim;
  return [
    values([batch, height, width, triple], seed, 1.5),
    values([(2 * windowSize - 1) ** 2, heads], seed + 1),
    values([triple], seed + 2),
  ];
}

async function checkShape(shape: Shape, samples: number): Promise<void> {
  const { heads, windowSize, shift } = shape;
  const inputs = isPadded(shape) ? inputsOf(shape) : inputsOf(shape).slice(0, 2);
  await forEachKind(engine, shape, (kind) =>
    checkGradients({
      engine,
      name: `${kind} kernels`,
      inputs,
      forward: ([qkv, table, padQkv]) => windowAttention(engine, qkv, table, { heads, windowSize, shift, padQkv }),
      reference: ([qkv, table, padQkv]) => windowAttentionReference(shape, qkv, table, padQkv ?? new Float64Array(0)),
      backwardTolerance: 1e-4,
      samples,
    }),
  );
}

test('window attention: forward and gradients equal the float64 reference for any map, window, head and shift', () =>
  property('small windows', 8, shapes(whole(2, 5), whole(6, 24), 120), (shape) => checkShape(shape, 6)));

test('window attention: the same for large windows and heads', () =>
  property('large windows', 3, shapes(whole(6, 12), whole(25, 64), 300), (shape) => checkShape(shape, 2)));

const run = (qkv: Tensor, table: Tensor, { heads, windowSize, shift }: Shape): Tensor => windowAttention(engine, qkv, table, { heads, windowSize, shift });

async function read(of: () => Tensor): Promise<Float32Array<ArrayBuffer>> {
  return engine.scope(async () => (await engine.read(of())) as Float32Array<ArrayBuffer>);
}

/** Shapes whose maps are whole windows: `rows` x `columns` of them. */
const wholeMaps: fc.Arbitrary<Shape & { rows: number; columns: number }> = fc
  .record({ rows: whole(1, 3), columns: whole(1, 3), heads: whole(1, 2), headDim: whole(6, 12), windowSize: whole(2, 4), seed: seeds })
  .map((shape) => ({ ...shape, batch: 1, height: shape.rows * shape.windowSize, width: shape.columns * shape.windowSize, shift: 0 }));

/** Elements of window (row, column) of a map [H, W, width], flat. */
function windowOf(map: Float32Array, { width, windowSize, columns }: Shape & { columns: number }, window: number, elements: number): Float32Array<ArrayBuffer> {
  const top = Math.floor(window / columns) * windowSize;
  const left = (window % columns) * windowSize;
  return Float32Array.from({ length: windowSize ** 2 * elements }, (_, index) => {
    const token = Math.floor(index / elements);
    const at = (top + Math.floor(token / windowSize)) * width + left + (token % windowSize);
    return map[at * elements + (index % elements)];
  });
}

test('window attention: without a shift, a map is its windows, each computed alone', () =>
  property('windows alone', 6, wholeMaps, async (shape) => {
    const [qkv, table] = inputsOf(shape);
    const channels = shape.heads * shape.headDim;
    const y = await read(() => run(engine.tensor(qkv.data, qkv.shape), engine.tensor(table.data, table.shape), shape));
    for (let window = 0; window < shape.rows * shape.columns; window++) {
      const alone = await read(() => {
        const x = engine.tensor(windowOf(qkv.data, shape, window, 3 * channels), [1, shape.windowSize, shape.windowSize, 3 * channels]);
        return run(x, engine.tensor(table.data, table.shape), shape);
      });
      assert.deepEqual(alone, windowOf(y, shape, window, channels), `window ${window} differs from the same window in the map`);
    }
  }));

test('window attention: permuting windows permutes results', () =>
  property(
    'permuted windows',
    6,
    wholeMaps.chain((shape) => fc.tuple(fc.constant(shape), fc.shuffledSubarray([...Array(shape.rows * shape.columns).keys()], { minLength: shape.rows * shape.columns }))),
    async ([shape, order]) => {
      const [qkv, table] = inputsOf(shape);
      const channels = shape.heads * shape.headDim;
      const attend = (map: Float32Array<ArrayBuffer>) => read(() => run(engine.tensor(map, qkv.shape), engine.tensor(table.data, table.shape), shape));
      // Window k of the permuted map is window order[k] of the map.
      const permuted = new Float32Array(qkv.data.length);
      order.forEach((from, to) => {
        const top = Math.floor(to / shape.columns) * shape.windowSize;
        const left = (to % shape.columns) * shape.windowSize;
        windowOf(qkv.data, shape, from, 3 * channels).forEach((value, index) => {
          const token = Math.floor(index / (3 * channels));
          const at = (top + Math.floor(token / shape.windowSize)) * shape.width + left + (token % shape.windowSize);
          permuted[at * 3 * channels + (index % (3 * channels))] = value;
        });
      });
      const [plain, moved] = [await attend(qkv.data), await attend(permuted)];
      order.forEach((from, to) => assert.deepEqual(windowOf(moved, shape, to, channels), windowOf(plain, shape, from, channels)));
    },
  ));

test('window attention: weights of every query sum to 1, whatever the mask: a constant v comes out', () =>
  property('constant v', 6, shapes(whole(2, 6), whole(6, 12), 200), async (shape) => {
    const { heads, headDim, windowSize, shift, seed } = shape;
    const channels = heads * headDim;
    const [qkv, table, padQkv] = inputsOf(shape);
    const constant = randomValues(channels, seed + 3);
    for (const values of [qkv.data, padQkv.data]) {
      for (let token = 0; token < values.length; token += 3 * channels) values.set(constant, token + 2 * channels);
    }
    const y = await read(() =>
      windowAttention(engine, engine.tensor(qkv.data, qkv.shape), engine.tensor(table.data, table.shape), {
        heads,
        windowSize,
        shift,
        padQkv: engine.tensor(padQkv.data, padQkv.shape),
      }),
    );
    const expected = y.map((_, index) => constant[index % channels]);
    const error = relativeError(y, expected);
    assert.ok(error < 2e-6, `constant v comes out with error ${error.toExponential(2)}`);
  }));

test('window attention: adding a constant to a head’s table changes nothing, so its gradients sum to 0', () =>
  property('table gradient', 6, shapes(whole(2, 6), whole(6, 12), 200), async (shape) => {
    const { heads } = shape;
    const [qkv, table] = inputsOf(shape);
    const gradient = await engine.scope(async () => {
      const parameters = engine.tensor(table.data, table.shape);
      const of = engine.withTape((tape) => {
        tape.watch(parameters);
        const y = run(engine.tensor(qkv.data, qkv.shape), parameters, shape);
        tape.backward([[y, engine.tensor(randomValues(y.size, shape.seed + 4), y.shape)]]);
        return tape.gradientOf(parameters) as Tensor;
      });
      return (await engine.read(of)) as Float32Array;
    });
    for (let head = 0; head < heads; head++) {
      const entries = gradient.filter((_, index) => index % heads === head);
      const magnitude = entries.reduce((sum, value) => sum + Math.abs(value), 0);
      const total = entries.reduce((sum, value) => sum + value, 0);
      assert.ok(magnitude > 0, `head ${head} received no gradient`);
      assert.ok(Math.abs(total) <= 1e-5 * magnitude, `head ${head}: gradients sum to ${total}, their magnitudes to ${magnitude}`);
    }
  }));

