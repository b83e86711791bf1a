import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AU_STATISTICS, IntensitySampler, PRESENCE_INTENSITY, intensityFromLatent, type FaceMode } from '../src/data/faces/au-statistics.js';
import { bivariateUpperTail, normalCdf, normalQuantile, tetrachoric } from '../src/data/faces/bivariate-normal.js';
import { choleskyFactor, completeCorrelation } from '../src/data/faces/correlation-matrix.js';
import { RandomStream, philox4x32 } from '../src/data/faces/philox.js';

test('Philox4x32-10 gives the known answers of Random123', () => {
  assert.deepEqual(philox4x32([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  const ones = 0xffffffff;
  assert.deepEqual(philox4x32([ones, ones, ones, ones], [ones, ones]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  assert.deepEqual(
    philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

test('random streams are pure functions of seed, stream and index', () => {
  const draw = (seed: number, stream: number, index: number): number[] => {
    const random = new RandomStream(seed, stream, index);
    return Array.from({ length: 9 }, () => random.bits());
  };
  assert.deepEqual(draw(5, 1, 2), draw(5, 1, 2));
  const all = [draw(5, 1, 2), draw(6, 1, 2), draw(5, 2, 2), draw(5, 1, 3), draw(5 + 2 ** 32, 1, 2), draw(5, 1, 2 + 2 ** 32)];
  assert.equal(new Set(all.map(String)).size, all.length);
  const random = new RandomStream(1, 1, 1);
  const normals = Array.from({ length: 20000 }, () => random.normal());
  const mean = normals.reduce((a, b) => a + b, 0) / normals.length;
  const variance = normals.reduce((a, b) => a + (b - mean) ** 2, 0) / normals.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.04, `mean ${mean}, variance ${variance}`);
});

test('normal probabilities agree with tables', () => {
  assert.ok(Math.abs(normalCdf(1.96) - 0.9750021048517795) < 1e-13);
  assert.ok(Math.abs(normalCdf(-3) - 0.0013498980316301) < 1e-13);
  assert.ok(Math.abs(normalQuantile(0.975) - 1.959963984540054) < 1e-10);
  // At zero thresholds: 1/4 + asin(r) / 2π (Sheppard 1899).
  for (const r of [-0.9, -0.3, 0.2, 0.6, 0.95]) {
    assert.ok(Math.abs(bivariateUpperTail(0, 0, r) - (0.25 + Math.asin(r) / (2 * Math.PI))) < 1e-9);
  }
  // Tetrachoric inverts phi = asin(r)·2/π at even margins.
  assert.ok(Math.abs(tetrachoric(0.5, 0.5, 0.4) - Math.sin((Math.PI / 2) * 0.4)) < 1e-8);
});

test('a correlation matrix keeps what is listed and stays positive definite', () => {
  const known = [{ i: 0, j: 1, value: 0.6 }, { i: 1, j: 2, value: 0.5 }];
  const matrix = completeCorrelation(3, known);
  assert.ok(Math.abs(matrix[1] - 0.6) < 1e-5 && Math.abs(matrix[5] - 0.5) < 1e-5);
  // The largest determinant makes 0 and 2 independent given 1.
  assert.ok(Math.abs(matrix[2] - 0.3) < 1e-5);
  // Contradictory entries are shrunk together.
  const impossible = completeCorrelation(3, [{ i: 0, j: 1, value: 0.95 }, { i: 1, j: 2, value: 0.95 }, { i: 0, j: 2, value: -0.95 }]);
  choleskyFactor(impossible, 3);
  assert.ok(impossible[1] > 0.1 && impossible[2] < -0.1);
  assert.throws(() => choleskyFactor(Float64Array.of(1, 2, 2, 1), 2), /not positive definite/);
});

test('an intensity passes 2 exactly where the prevalence says, with faint movements below', () => {
  const prevalence = 0.211;
  const threshold = normalQuantile(1 - prevalence);
  assert.ok(intensityFromLatent(threshold - 1e-6, prevalence) < 2);
  assert.ok(intensityFromLatent(threshold + 1e-6, prevalence) >= 2);
  assert.equal(intensityFromLatent(-1, prevalence), 0);
  const faint = intensityFromLatent(threshold - 0.15, prevalence);
  assert.ok(faint > 0 && faint < 2);
  assert.ok(intensityFromLatent(8.5, prevalence) <= 5);
});

const FACES = 20000;

for (const mode of ['bp4d', 'disfa'] as FaceMode[]) {
  test(`${FACES} label vectors have the published statistics of ${mode}`, (context) => {
    const { actionUnits, prevalence, correlations } = AU_STATISTICS[mode];
    const sampler = new IntensitySampler(mode);
    const labels = Array.from({ length: FACES }, (_, i) =>
      Array.from(sampler.draw(new RandomStream(11, 3, i)), (value) => {
        assert.ok(value >= 0 && value <= 5);
        return value >= PRESENCE_INTENSITY ? 1 : 0;
      }),
    );
    const rate = actionUnits.map((_, k) => labels.reduce((sum, row) => sum + row[k], 0) / FACES);
    const rateErrors = rate.map((value, k) => Math.abs(value - prevalence[k]));
    const phiErrors = correlations.map(([a, b, phi]) => {
      const i = actionUnits.indexOf(a);
      const j = actionUnits.indexOf(b);
      const both = labels.reduce((sum, row) => sum + row[i] * row[j], 0) / FACES;
      const spread = Math.sqrt(rate[i] * (1 - rate[i]) * rate[j] * (1 - rate[j]));
      return { pair: `${a}-${b}`, error: Math.abs((both - rate[i] * rate[j]) / spread - phi) };
    });
    const worst = phiErrors.reduce((a, b) => (b.error > a.error ? b : a));
    context.diagnostic(
      `worst prevalence error ${(100 * Math.max(...rateErrors)).toFixed(2)} points, worst phi error ${worst.error.toFixed(3)} (AU ${worst.pair})`,
    );
    rateErrors.forEach((error, k) => assert.ok(error < 0.02, `AU ${actionUnits[k]}: ${rate[k]} instead of ${prevalence[k]}`));
    for (const { pair, error } of phiErrors) assert.ok(error < 0.07, `AU ${pair} is ${error} off`);
  });
}
