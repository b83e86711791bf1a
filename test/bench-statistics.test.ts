/** The benchmark's statistics on samples with known answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probeClock, probeRoundTrip, smallestStep } from '../src/timing/clock.js';
import { fitPowerLaw, median, quantile, ratioOfMedians, relativeNotch, summarize } from '../src/timing/statistics.js';

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
  assert.ok(low < 2 && 2 < high && low > 1.9 && high < 2.1, `interval ${low} to ${high}`);
  assert.deepEqual(ratioOfMedians(above, below), { ratio, low, high });
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
});

test('a round trip is what the clock says passed during it', async () => {
  let time = 0;
  const trips = [5, 1, 3];
  let trip = 0;
  const seconds = await probeRoundTrip(async () => void (time += trips[trip++ % 3]), () => time);
  assert.equal(seconds, 3);
});
