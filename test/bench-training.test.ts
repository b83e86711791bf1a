/** Which training steps the suite holds, and what is said of those that a device cannot run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../src/engine/index.js';
import { trainingSuite } from '../bench/suites/training.js';
import { PLAIN_WAY, wayText } from '../bench/suites/whole-step.js';

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
