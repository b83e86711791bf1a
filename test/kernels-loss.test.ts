import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, ShapeError, type Engine, type Tensor } from '../src/engine/index.js';
import {
  bceWithLogits,
  contrastiveCrossEntropy,
  featureStd,
  negativeCosine,
  planEntropy,
  priorUpdate,
  relationMarginals,
  transportLoss,
} from '../src/kernels/loss/index.js';
import { checkGradients } from './gradient-check.js';
import { withBothGeometries } from './geometries.js';
import { expectClose, randomValues } from './helpers.js';
import * as reference from './reference/loss.js';
import { columnMoments, l2Normalize } from './reference/normalization.js';

const values = (count: number, seed: number) => randomValues(count, seed).map((value) => 2 * value);

const numbers = async (engine: Engine, tensor: Tensor): Promise<number[]> => [...(await engine.read(tensor))];

/** Rows scaled to unit length. */
const unitRows = (count: number, columns: number, seed: number) => Float32Array.from(l2Normalize(Float64Array.from(randomValues(count, seed)), columns));

/** Non-negative plans of mass 1. */
function plans(batch: number, regions: number, seed: number): Float32Array<ArrayBuffer> {
  const pairs = regions * regions;
  const mass = randomValues(batch * pairs, seed).map((value) => value + 1);
  return mass.map((value, index) => {
    const start = Math.floor(index / pairs) * pairs;
    return value / mass.subarray(start, start + pairs).reduce((sum, entry) => sum + entry, 0);
  });
}

test('negative cosine and its gradient equal the float64 reference; the target gets none', () =>
  withBothGeometries(async (engine) => {
    for (const [rows, columns] of [[1, 2], [5, 3], [130, 64], [9, 300], [3000, 8]] as const) {
      const z = values(rows * columns, 2);
      await checkGradients({
        engine,
        name: `negativeCosine [${rows}, ${columns}]`,
        inputs: [{ shape: [rows, columns], data: values(rows * columns, 1) }],
        forward: ([p]) => negativeCosine(engine, p, engine.tensor(z, [rows, columns])),
        reference: ([p]) => [reference.negativeCosine(p, z, columns)],
      });
    }
    const [p, z] = [1, 2].map((seed) => engine.tensor(values(12, seed), [3, 4]));
    engine.withTape((tape) => {
      tape.watch(p);
      tape.watch(z);
      tape.backward([[negativeCosine(engine, p, z), engine.tensor([1], [1])]]);
      assert.ok(tape.gradientOf(p));
      assert.equal(tape.gradientOf(z), null);
    });
  }));

test('binary cross entropy skips unknown labels, weighs positives and equals the float64 reference', () =>
  withBothGeometries(async (engine) => {
    const weight = Float32Array.of(1, 2.5, 0.4);
    for (const rows of [1, 17, 700]) {
      const targets = Uint32Array.from(randomValues(rows * 3, 5), (value) => (value < -0.3 ? 0 : value < 0.5 ? 1 : 9));
      targets[0] = 1;
      await checkGradients({
        engine,
        name: `bceWithLogits [${rows}, 3]`,
        inputs: [{ shape: [rows, 3], data: values(rows * 3, 4).map((value) => 3 * value) }],
        forward: ([logits]) => bceWithLogits(engine, logits, engine.tensor(targets, [rows, 3]), engine.tensor(weight, [3])),
        reference: ([logits]) => [reference.bceWithLogits(logits, targets, weight)],
      });
    }
  }));

test('binary cross entropy is finite for huge logits and 0 when nothing is known', () =>
  withBothGeometries(async (engine) => {
    const weight = engine.tensor([1, 1], [2]);
    const loss = bceWithLogits(engine, engine.tensor([500, -500], [1, 2]), engine.tensor(Uint32Array.of(0, 1), [1, 2]), weight);
    assert.deepEqual([...(await engine.read(loss))], [500]);
    const logits = engine.tensor([1, 2], [1, 2]);
    const unknown = engine.tensor(Uint32Array.of(9, 9), [1, 2]);
    const gradient = engine.withTape((tape) => {
      tape.watch(logits);
      tape.backward([[bceWithLogits(engine, logits, unknown, weight), engine.tensor([1], [1])]]);
      return tape.gradientOf(logits);
    });
    assert.ok(gradient);
    assert.deepEqual([...(await engine.read(gradient))], [0, 0]);
    assert.deepEqual([...(await engine.read(bceWithLogits(engine, logits, unknown, weight)))], [0]);
  }));

test('contrastive cross entropy equals the float64 reference, with and without excluded pairs', () =>
  withBothGeometries(async (engine) => {
    for (const [matrices, count] of [[1, 1], [3, 5], [2, 70]] as const) {
      const groups = Int32Array.from({ length: count }, (_, index) => index % 4);
      for (const excluded of [undefined, groups]) {
        await checkGradients({
          engine,
          name: `contrastive [${matrices}, ${count}] ${excluded ? 'with' : 'without'} groups`,
          inputs: [{ shape: [matrices, count, count], data: randomValues(matrices * count * count, 6) }],
          forward: ([logits]) =>
            contrastiveCrossEntropy(engine, logits, { temperature: 0.2, ...(excluded ? { groups: engine.tensor(excluded, [count]) } : {}) }),
          reference: ([logits]) => [reference.contrastive(logits, count, 0.2, excluded)],
        });
      }
    }
    assert.throws(() => contrastiveCrossEntropy(engine, engine.zeros([2, 3, 4]), { temperature: 1 }), ShapeError);
  }));

test('transport loss and both gradients equal the float64 reference', () =>
  withBothGeometries(async (engine) => {
    const shape = [7, 5, 6];
    const count = 7 * 5 * 6;
    await checkGradients({
      engine,
      name: 'transportLoss',
      inputs: [
        { shape, data: values(count, 7) },
        { shape, data: values(count, 8) },
      ],
      forward: ([plan, cost]) => transportLoss(engine, plan, cost),
      reference: ([plan, cost]) => [reference.transportLoss(plan, cost, 7)],
    });
  }));

test('relation marginals are floored, of mass 1, and oriented rows to o', () =>
  withBothGeometries(async (engine) => {
    for (const [batch, regions, columns] of [[1, 1, 3], [3, 12, 64], [5, 7, 70]] as const) {
      const count = batch * regions * columns;
      const [o, t] = [unitRows(count, columns, 9), unitRows(count, columns, 10)];
      const shape = [batch, regions, columns];
      const { a, b } = relationMarginals(engine, engine.tensor(o, shape), engine.tensor(t, shape), 1e-2);
      await expectClose(engine, a, reference.relationMarginal(o, t, batch, regions, columns, 1e-2), 1e-4, 'a');
      await expectClose(engine, b, reference.relationMarginal(t, o, batch, regions, columns, 1e-2), 1e-4, 'b');
      const masses = await numbers(engine, a);
      for (let row = 0; row < batch; row++) {
        const mass = masses.slice(row * regions, (row + 1) * regions).reduce((sum, value) => sum + value, 0);
        assert.ok(Math.abs(mass - 1) < 1e-5);
      }
    }
    assert.throws(() => relationMarginals(engine, engine.zeros([1, 65, 4]), engine.zeros([1, 65, 4])), ShapeError);
  }));

test('the prior follows the symmetrised mean plan, keeps mass 1 and every pair alive', () =>
  withBothGeometries(async (engine) => {
    const [batch, regions] = [6, 12];
    const prior = new Float32Array(regions * regions).fill(1 / (regions * regions));
    const plan = plans(batch, regions, 11);
    const tensor = engine.tensor(prior, [regions, regions]);
    priorUpdate(engine, tensor, engine.tensor(plan, [batch, regions, regions]), 0.75);
    await expectClose(engine, tensor, reference.priorUpdate(prior, plan, regions, 0.75, 1e-4), 1e-5, 'prior');
    // A plan on a single pair drives all others to the floor, not below.
    const single = new Float32Array(regions * regions);
    single[1] = 1;
    priorUpdate(engine, tensor, engine.tensor(single, [1, regions, regions]), 0);
    const after = await numbers(engine, tensor);
    assert.ok(Math.abs(after[1] - after[regions]) < 1e-7 && after[1] > 0.48);
    assert.ok(Math.min(...after) > 0.9e-4);
    assert.ok(Math.abs(after.reduce((sum, value) => sum + value, 0) - 1) < 1e-5);
    assert.throws(() => priorUpdate(engine, tensor, engine.tensor(single, [1, regions, regions]), 1.5), InputError);
  }));

test('collapse measures equal the float64 reference', () =>
  withBothGeometries(async (engine) => {
    const [rows, columns] = [90, 16];
    const z = values(rows * columns, 12);
    const { variance } = columnMoments(l2Normalize(Float64Array.from(z), columns), columns);
    const expected = variance.reduce((sum, value) => sum + Math.sqrt(value), 0) / columns;
    await expectClose(engine, featureStd(engine, engine.tensor(z, [rows, columns])), [expected], 1e-5, 'featureStd');
    const collapsed = Float32Array.from({ length: rows * columns }, (_, index) => 1 + (index % columns));
    assert.ok((await engine.read(featureStd(engine, engine.tensor(collapsed, [rows, columns]))))[0] < 1e-6);

    const plan = plans(4, 5, 13);
    const entropy = -plan.reduce((sum, value) => sum + (value > 0 ? value * Math.log(value) : 0), 0) / (4 * Math.log(25));
    await expectClose(engine, planEntropy(engine, engine.tensor(plan, [4, 5, 5])), [entropy], 1e-5, 'planEntropy');
    const permutation = Float32Array.from({ length: 25 }, (_, index) => (index % 6 === 0 ? 0.2 : 0));
    await expectClose(engine, planEntropy(engine, engine.tensor(permutation, [1, 5, 5])), [0.5], 1e-5, 'planEntropy of a permutation');
  }));
