import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchOrder, feasibleGroupSize } from '../src/model/batch-order.js';

/** Faces of people who have `frames` each. */
const people = (faces: number, frames: number) => Int32Array.from({ length: faces }, (_, face) => Math.floor(face / frames));

test('an epoch shows every face once', () => {
  const order = new BatchOrder(people(40, 4), 8, 3);
  const seen = Array.from({ length: 5 }, (_, step) => [...order.indices(step)]).flat();
  assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: 40 }, (_, face) => face));
});

test('a step has the same batch however training got there', () => {
  const straight = new BatchOrder(people(40, 4), 8, 3);
  for (let step = 0; step < 12; step++) straight.indices(step);
  assert.deepEqual(straight.indices(12), new BatchOrder(people(40, 4), 8, 3).indices(12));
});

test('epochs and seeds differ', () => {
  const order = new BatchOrder(people(40, 4), 40, 3);
  assert.notDeepEqual(order.indices(0), order.indices(1));
  assert.notDeepEqual(order.indices(0), new BatchOrder(people(40, 4), 40, 4).indices(0));
});

test('fewer faces than a batch are repeated within it', () => {
  const indices = [...new BatchOrder(people(3, 4), 8, 1).indices(0)];
  assert.equal(indices.length, 8);
  assert.deepEqual([...new Set(indices)].sort(), [0, 1, 2]);
});

test('a batch holds groups of frames of its people, person fastest, and an epoch still shows every face once', () => {
  const identities = people(48, 8);
  const order = new BatchOrder(identities, 16, 5, 4);
  const batches = Array.from({ length: 3 }, (_, step) => [...order.indices(step)]);
  for (const batch of batches) {
    for (let person = 0; person < 4; person++) {
      const frames = batch.filter((_, place) => place % 4 === person);
      assert.equal(new Set(frames.map((face) => identities[face])).size, 1);
    }
  }
  assert.equal(new Set(batches.flat()).size, 48);
});

test('groups are no larger than the person with the fewest frames allows, and divide the batch', () => {
  assert.equal(feasibleGroupSize(people(48, 8), 32, 8), 8);
  assert.equal(feasibleGroupSize(people(48, 6), 32, 8), 4);
  assert.equal(feasibleGroupSize(people(49, 8), 32, 8), 1);
});
