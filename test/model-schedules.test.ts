import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learningRateAt, targetDecayAt } from '../src/model/schedules.js';

test('the learning rate rises linearly to its peak and falls along a cosine to zero', () => {
  const rates = Array.from({ length: 100 }, (_, step) => learningRateAt(step, 100, 2, 0.1));
  assert.equal(rates[0], 0.2);
  assert.equal(rates[9], 2);
  assert.ok(Math.abs(rates[55] - 1) < 1e-12, 'half the peak half way down');
  assert.ok(rates[99] > 0 && rates[99] < 0.001);
  for (let step = 11; step < 100; step++) assert.ok(rates[step] < rates[step - 1]);
});

test('the target decay rises from its first value to one', () => {
  assert.ok(Math.abs(targetDecayAt(0, 50, 0.99) - 0.99) < 1e-12);
  assert.ok(Math.abs(targetDecayAt(25, 50, 0.99) - 0.995) < 1e-12);
  assert.equal(targetDecayAt(50, 50, 0.99), 1);
});
