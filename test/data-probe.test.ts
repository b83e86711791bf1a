import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ActionUnit } from '../src/data/action-units.js';
import { alwaysPositive, applyThresholds, f1PerAu, macroMean } from '../src/data/metrics/f1.js';
import { choleskyInPlace, choleskySolve } from '../src/data/probe/cholesky.js';
import { fitPath, gramMatrix, logisticLoss, type LogisticData } from '../src/data/probe/logistic.js';
import { evaluateProbe, fitProbe, predictProbe, type ProbeFeatures } from '../src/data/probe/probe.js';
import { bestF1Threshold } from '../src/data/probe/threshold.js';
import { seededRandom, shuffled } from '../src/data/splits.js';
import { InputError } from '../src/engine/errors.js';

const AUS: ActionUnit[] = [1, 6, 12];

/** Faces whose first feature says how present AU 1 is, with the second AU twice as hard and the third pure noise. */
function faces(count: number, people: number, seed: number, separation = 2.5) {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const dimension = 6;
  const data = new Float32Array(count * AUS.length * dimension);
  const labels = new Uint8Array(count * AUS.length);
  const identities = new Int32Array(count);
  const signal = [separation, separation / 2, 0];
  for (let face = 0; face < count; face++) {
    identities[face] = face % people;
    for (let column = 0; column < AUS.length; column++) {
      const label = random() < 0.3 ? 1 : 0;
      labels[face * AUS.length + column] = label;
      const start = (face * AUS.length + column) * dimension;
      for (let i = 0; i < dimension; i++) data[start + i] = 40 + 5 * (normal() + (i === 0 ? label * signal[column] : 0));
    }
  }
  const features: ProbeFeatures = { layout: 'per-au', dimension, data };
  return { features, labels, identities };
}

test('F1 follows how separable the data is, and pure noise comes out as always-positive or lower', () => {
  const train = faces(1200, 60, 1);
  const unseen = faces(800, 40, 2);
  const probe = fitProbe(train.features, train.labels, train.identities, { actionUnits: AUS });
  const result = evaluateProbe(probe, unseen.features, unseen.labels);
  const [easy, hard, noise] = result.perAu;
  const baseline = alwaysPositive(unseen.labels, AUS.length);
  assert.ok(easy.f1 > 0.8 && easy.f1 < 0.95, `AU 1: ${easy.f1}`);
  assert.ok(hard.f1 > baseline[1] + 0.1 && hard.f1 < easy.f1, `AU 6: ${hard.f1}`);
  assert.ok(Math.abs(noise.f1 - baseline[2]) < 0.03, `AU 12: ${noise.f1} against ${baseline[2]}`);
  assert.equal(noise.lambda, 10, 'noise calls for the strongest regularisation');
  // At the fixed threshold the hard AU loses: that is why both are reported.
  assert.ok(hard.f1AtHalf < hard.f1);
  assert.equal(result.macroF1, macroMean(result.perAu.map(({ f1 }) => f1)));
  assert.equal(result.macroF1AtHalf, macroMean(result.perAu.map(({ f1AtHalf }) => f1AtHalf)));
  const atThresholds = applyThresholds(predictProbe(probe, unseen.features), probe.perAu.map((p) => p.threshold));
  assert.deepEqual(result.perAu.map(({ f1 }) => f1), f1PerAu(atThresholds, unseen.labels, AUS.length));
});

test('permuted training labels give always-positive or lower', () => {
  const train = faces(900, 45, 3);
  const unseen = faces(600, 30, 4);
  const order = shuffled([...train.identities.keys()], seededRandom(5));
  const permuted = Uint8Array.from(train.labels, (_, i) => train.labels[order[Math.floor(i / 3)] * 3 + (i % 3)]);
  const probe = fitProbe(train.features, permuted, train.identities, { actionUnits: AUS });
  const { macroF1 } = evaluateProbe(probe, unseen.features, unseen.labels);
  const baseline = macroMean(alwaysPositive(unseen.labels, AUS.length));
  assert.ok(macroF1 < baseline + 0.02, `${macroF1} against ${baseline}`);
});

test('cross-validation holds people out: features that only tell who it is earn nothing', () => {
  // 24 people, 20 faces each, every person always or never shows the AU, and the features name the person.
  const random = seededRandom(8);
  const names = Array.from({ length: 24 }, () => Array.from({ length: 40 }, () => random() - 0.5));
  const identities = Int32Array.from({ length: 480 }, (_, face) => face % 24);
  const data = Float32Array.from(Array.from(identities).flatMap((p) => names[p].map((x) => x + 0.01 * random())));
  const labels = Uint8Array.from(identities, (p) => (p % 3 === 0 ? 1 : 0));
  const probe = fitProbe({ layout: 'shared', dimension: 40, data }, labels, identities, { actionUnits: [6] });
  const own = evaluateProbe(probe, { layout: 'shared', dimension: 40, data }, labels);
  assert.ok(probe.perAu[0].lambda >= 1, `λ ${probe.perAu[0].lambda}`);
  // Cross-validation by faces would have found an F1 of 1; chance is (2 / 3) / (4 / 3) = 0.5.
  assert.ok(probe.perAu[0].validationF1 < 0.7, `validation F1 ${probe.perAu[0].validationF1}`);
  assert.ok(own.perAu[0].f1 > probe.perAu[0].validationF1);
});

test('the fit is the same again, and test labels have no part in it', () => {
  const train = faces(300, 30, 6);
  const unseen = faces(100, 10, 7);
  const fit = () => fitProbe(train.features, train.labels, train.identities, { actionUnits: AUS });
  const probe = fit();
  const result = evaluateProbe(probe, unseen.features, unseen.labels);
  assert.deepEqual(fit(), probe);
  const flipped = evaluateProbe(probe, unseen.features, unseen.labels.map((label) => 1 - label));
  for (const [i, { lambda, threshold }] of flipped.perAu.entries()) {
    assert.equal(lambda, result.perAu[i].lambda);
    assert.equal(threshold, result.perAu[i].threshold);
  }
  assert.deepEqual(fit(), probe);
});

test('an unknown label counts as if the face were not there, for that AU only', () => {
  const train = faces(240, 24, 9);
  const labels = train.labels.slice();
  for (let face = 180; face < 240; face++) labels[face * 3] = 9;
  const masked = fitProbe(train.features, labels, train.identities, { actionUnits: AUS });
  const full = fitProbe(train.features, train.labels, train.identities, { actionUnits: AUS });
  const dimension = train.features.dimension;
  const shorter = fitProbe(
    { ...train.features, data: train.features.data.slice(0, 180 * 3 * dimension) },
    train.labels.slice(0, 180 * 3),
    train.identities.slice(0, 180),
    { actionUnits: AUS },
  );
  assert.deepEqual(masked.perAu[0], shorter.perAu[0]);
  assert.deepEqual(masked.perAu[1], full.perAu[1]);
  assert.notDeepEqual(masked.perAu[0], full.perAu[0]);
});

test('shared features equal per-AU features that repeat them', () => {
  const { features, labels, identities } = faces(200, 20, 10);
  const dimension = features.dimension;
  const shared = new Float32Array(200 * dimension);
  const repeated = new Float32Array(200 * 3 * dimension);
  for (let face = 0; face < 200; face++) {
    const row = features.data.subarray(face * 3 * dimension, (face * 3 + 1) * dimension);
    shared.set(row, face * dimension);
    for (let column = 0; column < 3; column++) repeated.set(row, (face * 3 + column) * dimension);
  }
  const a = fitProbe({ layout: 'shared', dimension, data: shared }, labels, identities, { actionUnits: AUS });
  const b = fitProbe({ layout: 'per-au', dimension, data: repeated }, labels, identities, { actionUnits: AUS });
  assert.deepEqual(a.perAu, b.perAu);
});

test('constant features, one-class AUs and few labels do no harm', () => {
  const { features, labels, identities } = faces(12, 4, 11);
  for (let i = 0; i < features.data.length; i += features.dimension) features.data[i + 2] = 3;
  for (let face = 0; face < 12; face++) {
    labels[face * 3] = 0;
    labels[face * 3 + 1] = 1;
  }
  const probe = fitProbe(features, labels, identities, { actionUnits: AUS });
  const { perAu } = evaluateProbe(probe, features, labels);
  assert.deepEqual(perAu.slice(0, 2).map(({ f1 }) => f1), [0, 1]);
  for (const au of probe.perAu) {
    assert.ok([...au.weights, au.bias, au.threshold].every(Number.isFinite));
    assert.equal(au.scale[2], 0);
  }
});

test('each λ reaches the optimum: the gradient there is nil, with and without the Gram matrix', () => {
  const random = seededRandom(12);
  for (const dimension of [5, 300]) {
    const rows = 160;
    const data: LogisticData = {
      features: Float64Array.from({ length: rows * dimension }, () => random() * 4 - 2),
      dimension,
      targets: Uint8Array.from({ length: rows }, () => (random() < 0.4 ? 1 : 0)),
    };
    const ranges = [{ first: 0, end: 60 }, { first: 90, end: rows }];
    const grams = ranges.map((range) => gramMatrix(data, range));
    assert.equal(grams[0] === null, dimension === 300);
    const lambdas = [1, 0.1, 0.01];
    fitPath(data, ranges, grams, lambdas).forEach((weights, choice) => {
      const gradient = new Float64Array(dimension + 1);
      const best = logisticLoss(data, ranges, lambdas[choice], weights, gradient);
      assert.ok(gradient.every((g) => Math.abs(g) < 1e-5), `λ ${lambdas[choice]}, D ${dimension}`);
      // The gradient itself against central differences, away from the optimum.
      const elsewhere = weights.map((w, i) => w + 0.1 * Math.sin(i));
      assert.ok(logisticLoss(data, ranges, lambdas[choice], elsewhere, gradient) > best);
      const i = dimension - 1;
      const scratch = new Float64Array(dimension + 1);
      const at = (h: number) =>
        logisticLoss(data, ranges, lambdas[choice], elsewhere.map((w, k) => (k === i ? w + h : w)), scratch);
      assert.ok(Math.abs((at(1e-5) - at(-1e-5)) / 2e-5 - gradient[i]) < 1e-7);
    });
  }
});

test('the F1 threshold is the best of all thresholds', () => {
  const pair = fc.tuple(fc.integer({ min: 1, max: 9 }).map((n) => n / 10), fc.constantFrom(0, 1));
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 30 }), (pairs) => {
      const probabilities = Float64Array.from(pairs, ([p]) => p);
      const targets = Uint8Array.from(pairs, ([, t]) => t);
      const f1At = (threshold: number) => f1PerAu(applyThresholds(probabilities, [threshold]), targets, 1)[0];
      const { threshold, f1 } = bestF1Threshold(probabilities, targets);
      assert.ok(Math.abs(f1At(threshold) - f1) < 1e-12);
      for (let t = 0.05; t < 1; t += 0.1) assert.ok(f1At(t) <= f1 + 1e-12);
    }),
  );
});

test('Cholesky solves what was multiplied, and says when a matrix is not positive definite', () => {
  // A = B·Bᵀ + I with B = [[1, 2], [3, 4]] is [[6, 11], [11, 26]].
  const matrix = Float64Array.of(6, 0, 11, 26);
  assert.ok(choleskyInPlace(matrix, 2));
  const vector = Float64Array.of(6 * 2 + 11 * 5, 11 * 2 + 26 * 5);
  choleskySolve(matrix, 2, vector);
  assert.ok(Math.abs(vector[0] - 2) < 1e-12 && Math.abs(vector[1] - 5) < 1e-12);
  assert.equal(choleskyInPlace(Float64Array.of(1, 0, 2, 1), 2), false);
});

test('bad input is named', () => {
  const { features, labels, identities } = faces(20, 5, 13);
  const fit = (change: object, options = {}, l = labels, ids = identities) =>
    fitProbe({ ...features, ...change }, l, ids, { actionUnits: AUS, ...options });
  assert.throws(() => fit({ dimension: 7 }), /360 feature values for 20 faces, 3 AUs and 7 features.*expected 420/);
  const broken = features.data.slice();
  broken[6 * 3 * 4 + 2] = NaN;
  assert.throws(() => fit({ data: broken }), /Feature 2 of face 4 is NaN/);
  assert.throws(() => fit({}, {}, labels.slice(1)), /59 labels for 20 faces with 3 AUs: expected 60/);
  assert.throws(() => fit({}, { lambdas: [0] }), /expected numbers above 0/);
  assert.throws(() => fit({}, { folds: 1 }), InputError);
  assert.throws(() => fit({}, {}, labels, new Int32Array(20)), /AU 1 has known labels of 1 person .*expected at least 2/);
  const probe = fit({});
  assert.throws(() => predictProbe(probe, { ...features, layout: 'shared' }), /6 per-au features and got 6 shared/);
});
