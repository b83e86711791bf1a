/** The benchmark's statistics on samples with known answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probeClock, probeRoundTrip, smallestStep, timestampStep } from '../src/timing/clock.js';
import { fitPowerLaw, isBelow, median, quantile, ratioOfMedians, relativeNotch, summarize } from '../src/timing/statistics.js';

const close = (actual: number, expected: number, what: string): void =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${what}: ${actual}, expected ${expected}`);

test('quantiles lie between neighbours, whatever the order of the samples', () => {
  const samples = [7, 1, 3, 2, 10];
  assert.equal(median(samples), 3);
  close(quantile(samples, 0.25), 2, 'first quartile');
  close(quantile(samples, 0.75), 7, 'third quartile');
  close(median([4, 1]), 2.5, 'median of two');
  assert.deepEqual(summarize([5]), { n: 1, median: 5, q1: 5, q3: 5 });
  assert.deepEqual(samples, [7, 1, 3, 2, 10], 'samples must keep their order');
});

test('the notch narrows with the square root of the number of samples', () => {
  close(relativeNotch({ n: 25, median: 10, q1: 9, q3: 11 }), (1.57 * 2) / 5 / 10, 'notch');
  assert.equal(relativeNotch({ n: 25, median: 0, q1: 0, q3: 0 }), Infinity, 'a median of 0 is never known');
});

test('the ratio of medians has an interval that holds it and repeats exactly', () => {
  const below = [1, 1.02, 0.98, 1.01, 0.99, 1, 1.03, 0.97];
  const above = below.map((value) => 2 * value);
  const { ratio, low, high } = ratioOfMedians(above, below);
  close(ratio, 2, 'ratio');
  assert.ok(high !== null && low < 2 && 2 < high && low > 1.9 && high < 2.1, `interval ${low} to ${high}`);
  assert.deepEqual(ratioOfMedians(above, below), { ratio, low, high });
});

test('few samples have the exact interval of all their ratios, and the fewest have none', () => {
  // Of the 70 orders of four and four one has no inversion: 1 / 70 < 2.5 %, 2 / 70 is not. So the ends are the extremes.
  const four = ratioOfMedians([2, 2.2, 2.4, 2.6], [1, 1.1, 1.2, 1.3]);
  close(four.low, 2 / 1.3, 'low of four and four');
  close(four.high as number, 2.6, 'high of four and four');
  // Five and five: U < 3 has 4 of 252 orders, U < 4 has 7 > 6.3. The third from either end.
  const ratios = [1, 2, 4, 8, 16].flatMap((a) => [1, 3, 9, 27, 81].map((b) => a / b)).sort((a, b) => a - b);
  const five = ratioOfMedians([1, 2, 4, 8, 16], [1, 3, 9, 27, 81]);
  close(five.low, ratios[2], 'low of five and five');
  close(five.high as number, ratios[22], 'high of five and five');
  assert.deepEqual(ratioOfMedians([2, 2, 2], [1, 1, 1]), { ratio: 2, low: 0, high: null }, 'three and three cannot tell 95 %');
  assert.deepEqual([isBelow({ high: null }, 5), isBelow({ high: 4 }, 5), isBelow({ high: 5 }, 5)], [false, true, false]);
});

test('intervals of few samples hold the ratio as often as they say', () => {
  // Draws of a fixed generator, log-normal in effect: sums of three uniform numbers.
  let state = 7;
  const uniform = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const draw = (scale: number): number => scale * Math.exp(0.3 * (uniform() + uniform() + uniform() - 1.5));
  for (const [n, m] of [[4, 4], [5, 12], [8, 8]]) {
    let held = 0;
    for (let trial = 0; trial < 400; trial++) {
      const { low, high } = ratioOfMedians(Array.from({ length: n }, () => draw(3)), Array.from({ length: m }, () => draw(1)));
      if (low <= 3 && (high === null || 3 <= high)) held += 1;
    }
    assert.ok(held >= 0.92 * 400, `${n} and ${m} samples: ${held} of 400 intervals hold the ratio`);
  }
});

test('a power law is found again, with the error of its exponent', () => {
  const exact = fitPowerLaw([1, 2, 4, 8].map((x) => [x, 3 * x ** 1.5]));
  assert.ok(exact);
  close(exact.exponent, 1.5, 'exponent');
  close(exact.factor, 3, 'factor');
  assert.ok((exact.standardError as number) < 1e-9);
  const noisy = fitPowerLaw([[1, 1], [2, 2.2], [4, 3.8], [8, 8.1]]);
  assert.ok(noisy && (noisy.standardError as number) > 0.005 && Math.abs(noisy.exponent - 1) < 0.1);
  assert.equal(fitPowerLaw([[1, 1], [2, 4]])?.standardError, null, 'two points say nothing about the error');
  assert.equal(fitPowerLaw([[2, 1], [2, 4]]), null, 'one x says nothing about growth');
  assert.equal(fitPowerLaw([[1, 0], [2, 4]]), null, 'a time of 0 is no point');
});

test('the step of a coarse clock is found', () => {
  let time = 0;
  const clock = (): number => Math.floor((time += 0.013) / 0.1) * 0.1;
  const step = probeClock(clock);
  assert.ok(Math.abs(step - 0.1) < 1e-9, `step ${step}`);
  assert.equal(smallestStep([300n, 100n, 100n, 164n]), 64);
  assert.equal(smallestStep([5n, 5n]), Infinity);
  assert.equal(timestampStep([0n, 64n, 64n, 64n, 128n]), 64, 'a coarse tick');
  assert.equal(timestampStep([0n, 90n, 200n, 290n, 400n]), 100, 'a fine tick: what a pass costs');
});

test('a round trip is what the clock says passed during it', async () => {
  let time = 0;
  const trips = [5, 1, 3];
  let trip = 0;
  const seconds = await probeRoundTrip(async () => void (time += trips[trip++ % 3]), () => time);
  assert.equal(seconds, 3);
});
