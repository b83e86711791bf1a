/** Which training steps the suite holds, and what is said of those that a device cannot run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../src/engine/index.js';
import { layOut } from '../src/model/parameters.js';
import { PRESETS } from '../src/model/presets.js';
import { sslSpecs } from '../src/model/ssl-model.js';
import { relativeError } from '../src/verify/compare.js';
import type { CheckedOutput } from '../bench/harness/subject.js';
import { gradientLengthsCompared, gradientsCompared } from '../bench/suites/step-gradients.js';
import { trainingSuite } from '../bench/suites/training.js';
import { PLAIN_WAY, prepareStep, wayText } from '../bench/suites/whole-step.js';
import { randomValues, withEngine } from './helpers.js';

/** Names of the suite's groups on a device of so many operations per run; nothing of a device is asked for until a group is measured. */
function planned(flopsLimit: number): { names: string[]; skipped: Map<string, string> } {
  const skipped = new Map<string, string>();
  const context = { engine: {} as Engine, flopsLimit, bytesLimit: Infinity, runLimit: 2, peers: [], skip: (what: string, why: string) => void skipped.set(what, why) };
  return { names: trainingSuite(context, () => {}).map(({ name }) => name), skipped };
}

test('the steps of the smallest and the largest preset come in every way that a user can choose', () => {
  const { names, skipped } = planned(Infinity);
  for (const preset of ['tiny', 'swin-t']) {
    for (const way of ['', ', mixed precision', ', checkpointed activations', ', 4 micro-batches']) {
      assert.equal(names.filter((name) => name.startsWith(`training step of ${preset}${way}: `)).length, 1, `${preset}${way}`);
    }
  }
  assert.equal(skipped.size, 0);
  assert.equal(new Set(names).size, names.length, 'a group is known by its name');
});

test('steps that take too long are left out in words, way by way, and divided batches keep four faces in each part', () => {
  const { names, skipped } = planned(1e10);
  assert.ok(names.some((name) => name.startsWith('training step of tiny, 4 micro-batches: ')));
  assert.ok(!names.some((name) => name.startsWith('training step of swin-t')));
  assert.match(skipped.get('training step of swin-t, mixed precision, checkpointed activations, faces') ?? '', /GFLOP may take more than/);
  // At a limit that takes a batch of 8, the divided one of 16 at least is left out.
  const small = planned(5e7);
  assert.ok(small.names.some((name) => name.startsWith('training step of tiny: ')));
  assert.ok(small.skipped.has('training step of tiny, 4 micro-batches, faces'));
});

test('a way is told by what differs from the plain one', () => {
  assert.equal(wayText(PLAIN_WAY), '');
  assert.equal(wayText({ precision: 'mixed', checkpointActivations: true, accumulate: 8 }), 'mixed precision, checkpointed activations, 8 micro-batches');
});

/** Errors over tolerances by output. */
const errorsOf = (outputs: readonly CheckedOutput[]): Map<string, number> => new Map(outputs.map(({ output, actual, expected }) => [output, relativeError(actual, expected) / expected.tolerance]));

test('a wrong gradient of any single parameter is seen, element by element in f32 and by its length in mixed precision', () => {
  const initializer = { kind: 'zeros' } as const;
  const layout = layOut([
    { name: 'weight', shape: [40, 12], initializer, decay: true },
    { name: 'bias', shape: [12], initializer, decay: false },
    { name: 'nothing', shape: [5], initializer, decay: false },
  ]);
  const base = randomValues(layout.size, 1);
  const nothing = layout.offsets.get('nothing') as number;
  // Rounding errors of different kernels, ten times as large in one as in the other.
  base.fill(1e-8, nothing);
  const own = base.slice().fill(-1e-7, nothing);
  for (const compare of [(a: Float32Array, b: Float32Array) => gradientsCompared(layout, a, b, 1e-3), (a: Float32Array, b: Float32Array) => gradientLengthsCompared(layout, a, b)]) {
    const right = errorsOf(compare(own, base));
    assert.deepEqual([...right.keys()], ['gradient of weight', 'gradient of bias', 'gradient of nothing']);
    assert.ok([...right.values()].every((error) => error < 0.02), 'rounding of a gradient that is 0 counts for nothing');
    for (const name of ['weight', 'bias']) {
      const wrong = own.slice();
      const from = layout.offsets.get(name) as number;
      for (let at = from; at < from + 12; at++) wrong[at] = -wrong[at];
      if (name === 'weight') for (let at = from; at < from + 480; at++) wrong[at] = base[from + ((at - from) ^ 1)];
      const errors = errorsOf(compare(wrong, base));
      assert.ok((errors.get(`gradient of ${name}`) ?? 0) > 1, name);
      assert.equal([...errors.values()].filter((error) => error > 1).length, 1, `${name} alone`);
    }
    const lost = errorsOf(compare(own.map((value, at) => (at < nothing ? value : NaN)), base));
    assert.equal(lost.get('gradient of nothing'), Infinity);
  }
});

test('the check of a training step compares every parameter, also over micro-batches; other moments are wrong', () =>
  withEngine(async (engine) => {
    const prepared = prepareStep(engine, PRESETS.tiny, 8, { ...PLAIN_WAY, accumulate: 2 });
    await prepared.step.prepare();
    prepared.step.run();
    const outputs = await prepared.check();
    const errors = errorsOf(outputs);
    for (const { name } of sslSpecs(PRESETS.tiny)) assert.ok((errors.get(`gradient of ${name}`) ?? Infinity) <= 1, name);
    assert.ok(errors.has('contrast') && errors.has('gradientNorm'));
    // The same batch once more: the moments go on, and are no longer those of a first step.
    prepared.step.run();
    assert.ok([...errorsOf(await prepared.check())].some(([output, error]) => output.startsWith('gradient of ') && error > 1));
    prepared.step.destroy();
  }));
