import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  alwaysPositive,
  applyThresholds,
  countConfusion,
  f1PerAu,
  f1Score,
  macroMean,
  prevalence,
} from '../src/data/metrics/f1.js';
import { InputError } from '../src/engine/errors.js';

test('F1 of a hand-counted example, unknown labels dropped', () => {
  // AU column 0: TP 1, FP 1, FN 1, TN 1, one unknown. AU column 1: TP 2, FP 0, FN 1, TN 2.
  const labels = Uint8Array.of(1, 1, 0, 1, 1, 1, 0, 0, 9, 0);
  const predictions = Uint8Array.of(1, 1, 1, 1, 0, 0, 0, 0, 1, 0);
  assert.deepEqual(countConfusion(predictions, labels, 2), [
    { truePositives: 1, falsePositives: 1, falseNegatives: 1, trueNegatives: 1 },
    { truePositives: 2, falsePositives: 0, falseNegatives: 1, trueNegatives: 2 },
  ]);
  assert.deepEqual(f1PerAu(predictions, labels, 2), [0.5, 0.8]);
  assert.equal(macroMean([0.5, 0.8]), 0.65);
  assert.deepEqual(prevalence(labels, 2), [0.5, 0.6]);
});

test('F1 is 0 where it is undefined', () => {
  assert.deepEqual(f1PerAu(Uint8Array.of(0, 0), Uint8Array.of(0, 9), 1), [0]);
  assert.deepEqual(prevalence(Uint8Array.of(9, 9), 1), [0]);
  assert.deepEqual(alwaysPositive(Uint8Array.of(0, 0), 1), [0]);
});

test('F1 is the harmonic mean of precision and recall, and the always-positive baseline is 2p / (1 + p)', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(0, 1, 9)), { minLength: 1 }), (pairs) => {
      const predictions = Uint8Array.from(pairs, ([p]) => p);
      const labels = Uint8Array.from(pairs, ([, l]) => l);
      const [counts] = countConfusion(predictions, labels, 1);
      const { truePositives, falsePositives, falseNegatives } = counts;
      if (truePositives > 0) {
        const precision = truePositives / (truePositives + falsePositives);
        const recall = truePositives / (truePositives + falseNegatives);
        assert.ok(Math.abs(f1Score(counts) - (2 * precision * recall) / (precision + recall)) < 1e-12);
      } else assert.equal(f1Score(counts), 0);
      const [p] = prevalence(labels, 1);
      assert.ok(Math.abs(alwaysPositive(labels, 1)[0] - (2 * p) / (1 + p)) < 1e-12);
    }),
  );
});

test('thresholds apply per AU and include the threshold itself', () => {
  const probabilities = Float32Array.of(0.5, 0.5, 0.25, 0.75);
  assert.deepEqual([...applyThresholds(probabilities, [0.5, 0.6])], [1, 0, 0, 1]);
});

test('bad labels and lengths are named', () => {
  assert.throws(() => countConfusion(Uint8Array.of(1), Uint8Array.of(1, 0), 1), /1 predictions for 2 labels/);
  assert.throws(() => prevalence(Uint8Array.of(1, 0, 2, 0), 2), /face 1, AU column 0 is 2: expected 0, 1 or 9/);
  assert.throws(() => prevalence(Uint8Array.of(1, 0, 1), 2), InputError);
  assert.throws(() => macroMean([]), InputError);
});
