import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../src/engine/commands.js';
import { cutSubmissions, submissionLimits } from '../src/engine/submissions.js';

/** Commands of which only the operations matter. */
function commands(flops: readonly number[]): Command[] {
  return flops.map((count) => ({ kind: 'dispatch', call: { shader: 'none', tensors: {}, workgroups: [1], flops: count } }) as unknown as Command);
}

test('submissions end where the launches or the operations would exceed the limits', () => {
  assert.deepEqual(cutSubmissions(commands([1, 1, 1, 1, 1]), { launches: 2, flops: 100 }), [2, 4, 5]);
  assert.deepEqual(cutSubmissions(commands([3, 3, 3, 1]), { launches: 10, flops: 6 }), [2, 4]);
});

test('a launch above the limit is submitted alone, and no commands make no submission', () => {
  assert.deepEqual(cutSubmissions(commands([1, 9, 1]), { launches: 10, flops: 6 }), [1, 2, 3]);
  assert.deepEqual(cutSubmissions([], { launches: 10, flops: 6 }), []);
});

test('a software adapter gets shorter submissions than a GPU', () => {
  assert.ok(submissionLimits(true).launches < submissionLimits(false).launches);
});
