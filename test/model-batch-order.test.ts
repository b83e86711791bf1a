import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchOrder } from '../src/model/batch-order.js';

test('an epoch shows every face once', () => {
  const order = new BatchOrder(40, 8, 3);
  const seen = Array.from({ length: 5 }, (_, step) => [...order.indices(step)]).flat();
  assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: 40 }, (_, face) => face));
});

test('a step has the same batch however training got there', () => {
  const straight = new BatchOrder(40, 8, 3);
  for (let step = 0; step < 12; step++) straight.indices(step);
  assert.deepEqual(straight.indices(12), new BatchOrder(40, 8, 3).indices(12));
});

test('epochs and seeds differ', () => {
  const order = new BatchOrder(40, 40, 3);
  assert.notDeepEqual(order.indices(0), order.indices(1));
  assert.notDeepEqual(order.indices(0), new BatchOrder(40, 40, 4).indices(0));
});

test('fewer faces than a batch are repeated within it', () => {
  const indices = [...new BatchOrder(3, 8, 1).indices(0)];
  assert.equal(indices.length, 8);
  assert.deepEqual([...new Set(indices)].sort(), [0, 1, 2]);
});
