/** How samples are taken, with a clock that the test moves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  canaryBand,
  FEWEST_SAMPLES,
  fewText,
  growRepeats,
  isLongEnough,
  isOutOfBand,
  keptBetween,
  sampleInTurns,
  type StopRule,
} from '../bench/harness/sampler.js';
import type { Timing } from '../src/timing/device-timer.js';

/** A device whose repeats cost a fixed time, read from a clock with a coarse step. */
function device(costs: { wall: number; gpu: number | null }, step = 0) {
  let time = 0;
  const rounded = (value: number): number => (step > 0 ? Math.floor(value / step) * step : value);
  return {
    now: () => time,
    asked: [] as number[],
    async sample(repeats: number): Promise<Timing> {
      this.asked.push(repeats);
      time += costs.wall * repeats;
      return { wall: rounded(costs.wall * repeats), gpu: costs.gpu === null ? null : rounded(costs.gpu * repeats) };
    },
  };
}

test('repeats grow until a sample is a hundred steps of each timer long', async () => {
  const own = device({ wall: 0.003, gpu: 0.001 }, 1e-6);
  const quanta = { wall: 0.001, gpu: 0.0005 };
  const grown = await growRepeats((repeats) => own.sample(repeats), quanta, own.now, 1000);
  assert.ok(grown.longEnough);
  assert.ok(grown.repeats * 0.003 >= 0.1 && grown.repeats * 0.001 >= 0.05 - 1e-6, `${grown.repeats} repeats`);
  assert.ok(grown.repeats < 200, `${grown.repeats} repeats are far more than needed`);
  assert.equal(own.asked.filter((repeats) => repeats === grown.repeats).length, 2, 'the last number must be confirmed');
  assert.ok(isLongEnough(grown.last, quanta));
});

test('a sample that reads 0 grows too, and one repeat of long work is enough', async () => {
  const fine = device({ wall: 1e-5, gpu: null }, 0.01);
  const grown = await growRepeats((repeats) => fine.sample(repeats), { wall: 0.01, gpu: null }, fine.now, 1000);
  assert.ok(grown.longEnough && grown.repeats >= 1e5, `${grown.repeats} repeats`);
  const slow = device({ wall: 5, gpu: 5 });
  assert.equal((await growRepeats((repeats) => slow.sample(repeats), { wall: 1e-3, gpu: 1e-6 }, slow.now, 1)).repeats, 1);
});

test('what stays too short when the time is over is said to be so', async () => {
  const own = device({ wall: 1, gpu: 0 });
  const grown = await growRepeats((repeats) => own.sample(repeats), { wall: 0.001, gpu: 1e-6 }, own.now, 50);
  assert.equal(grown.longEnough, false);
});

test('a canary out of band costs the samples on both of its sides', () => {
  const band = canaryBand([1, 1.01, 0.99, 1, 1]);
  assert.equal(band.baseline, 1);
  assert.equal(band.tolerance, 0.1, 'a quiet device keeps the smallest tolerance');
  assert.ok(isOutOfBand(1.2, band) && isOutOfBand(0.8, band) && !isOutOfBand(1.05, band));
  assert.deepEqual(keptBetween([1, 1, 1.5, 1, 1, 1], 5, band), [true, false, false, true, true]);
  assert.deepEqual(keptBetween([2, 1, 1], 2, band), [false, true]);
  const busy = canaryBand([1, 2, 3, 4, 5, 6, 7]);
  assert.equal(busy.tolerance, 0.5, 'on a busy device the band stays narrow enough to mean something');
});

/** Timers that tell everything. */
const FINE = { wall: 0, gpu: null };
const RULE: StopRule = { minimum: 4, maximum: 12, precision: 0.01, seconds: 1000 };

/** Competitors with given times in turn, and a canary with given times in turn. */
function race(times: readonly (readonly number[])[], canaries: readonly number[], step: number | readonly number[] = 1) {
  let time = 0;
  const order: string[] = [];
  const turns = times.map(() => 0);
  let songs = 0;
  return {
    order,
    now: () => time,
    competitors: times.map((own, at) => ({
      repeats: 2,
      async sample(repeats: number): Promise<Timing> {
        time += typeof step === 'number' ? step : step[at];
        order.push('AB'[at]);
        const value = own[turns[at]++ % own.length] * repeats;
        return { wall: value, gpu: value / 2 };
      },
    })),
    async canary(): Promise<number> {
      order.push('c');
      return canaries[songs++ % canaries.length];
    },
  };
}

test('competitors take turns with a canary between them, and stop when both are known', async () => {
  const { competitors, canary, now, order } = race([[1], [3]], [1]);
  const result = await sampleInTurns(competitors, FINE, canary, { baseline: 1, tolerance: 0.1 }, RULE, now);
  assert.equal(result.stop, 'settled');
  assert.equal(order.join(''), `c${'AcBc'.repeat(4)}`);
  assert.deepEqual(result.competitors[0], { wall: [1, 1, 1, 1], gpu: [0.5, 0.5, 0.5, 0.5], repeats: 2, discarded: 0, short: 0 });
  assert.deepEqual(result.competitors[1].wall, [3, 3, 3, 3]);
});

test('samples that never settle stop as noise, and a slow group as a timeout', async () => {
  const noisy = race([[1, 2, 3, 4]], [1]);
  const noise = await sampleInTurns(noisy.competitors, FINE, noisy.canary, { baseline: 1, tolerance: 0.1 }, RULE, noisy.now);
  assert.equal(noise.stop, 'noise');
  assert.equal(noise.competitors[0].wall.length, RULE.maximum);
  const slow = race([[1]], [1], 600);
  const late = await sampleInTurns(slow.competitors, FINE, slow.canary, { baseline: 1, tolerance: 0.1 }, RULE, slow.now);
  assert.equal(late.stop, 'timeout');
  assert.equal(late.competitors[0].wall.length, FEWEST_SAMPLES, 'there is time for a figure');
  const slower = race([[1]], [1], 1600);
  const without = await sampleInTurns(slower.competitors, FINE, slower.canary, { baseline: 1, tolerance: 0.1 }, RULE, slower.now);
  assert.equal(without.competitors[0].wall.length, 2, 'but not without end');
});

test('one that is much slower sits rounds out, and comes to a figure all the same', async () => {
  const { competitors, canary, now, order } = race([[1, 2, 3], [50]], [1], [1, 30]);
  const result = await sampleInTurns(competitors, FINE, canary, { baseline: 1, tolerance: 0.1 }, { ...RULE, maximum: 40, seconds: 1000 }, now);
  assert.ok(order.join('').startsWith('cAcBcAcAcAc'), order.join(''));
  assert.equal(result.competitors[0].wall.length, 40);
  assert.equal(result.competitors[1].wall.length, 6, 'its share of the time, not of the rounds');
  const busy = race([[1, 2, 3], [50]], [1], [1, 30]);
  const short = await sampleInTurns(busy.competitors, FINE, busy.canary, { baseline: 1, tolerance: 0.1 }, { ...RULE, seconds: 35 }, busy.now);
  assert.equal(short.stop, 'timeout');
  assert.equal(short.competitors[1].wall.length, FEWEST_SAMPLES);
});

test('discarded samples are counted, and more are taken in their place', async () => {
  // The third canary of every seven is out of band.
  const { competitors, canary, now } = race([[1]], [1, 1, 9, 1, 1, 1, 1]);
  const result = await sampleInTurns(competitors, FINE, canary, { baseline: 1, tolerance: 0.1 }, RULE, now);
  assert.equal(result.stop, 'settled');
  assert.equal(result.competitors[0].wall.length, 4);
  assert.equal(result.competitors[0].discarded, 2);
  assert.equal(result.canaries.length, 7);
});

test('no sample that is kept is shorter than a hundred steps, whatever the device does after the repeats were found', async () => {
  const quanta = { wall: 0.02, gpu: 0.005 };
  const asked: { repeats: number; wall: number; gpu: number }[] = [];
  let time = 0;
  // From the third sample on the device is four times as fast as when its repeats were found.
  const sample = async (repeats: number): Promise<Timing> => {
    const each = asked.length < 2 ? 1 : 0.25;
    const timing = { wall: each * repeats, gpu: (each * repeats) / 2 };
    asked.push({ repeats, ...timing });
    time += timing.wall;
    return timing;
  };
  const result = await sampleInTurns([{ repeats: 2, sample }], quanta, async () => 1, { baseline: 1, tolerance: 0.1 }, RULE, () => time);
  const [own] = result.competitors;
  assert.deepEqual(own.wall, [0.25, 0.25, 0.25, 0.25], 'times are per repeat, of samples with the new repeats only');
  assert.deepEqual([own.short, own.discarded], [3, 0], 'the short one and the two before it, which had as few repeats');
  assert.ok(own.repeats > 8 && own.repeats * 0.25 >= 100 * quanta.wall, `${own.repeats} repeats`);
  assert.equal(result.stop, 'settled');
});

test('timestamps that are too short count as well, and a row that stays short has no samples', async () => {
  let time = 0;
  // Timestamps that read 0: more repeats change nothing.
  const sample = async (repeats: number): Promise<Timing> => {
    time += repeats;
    return { wall: repeats, gpu: 0 };
  };
  const result = await sampleInTurns([{ repeats: 1, sample }], { wall: 1e-3, gpu: 1e-3 }, async () => 1, { baseline: 1, tolerance: 0.1 }, RULE, () => time);
  const [own] = result.competitors;
  assert.deepEqual([own.wall.length, own.discarded], [0, 0]);
  assert.ok(own.short > 0);
  assert.match(fewText(own, result.stop), /^only 0 samples were left \(\d+ too short for the timer, 0 discarded beside the canary, stopped by timeout\), so there is no time$/);
});

test('repeats have headroom: a device that is a fifth faster later still gives samples that are long enough', async () => {
  const own = device({ wall: 0.001, gpu: null });
  const { repeats } = await growRepeats((count) => own.sample(count), { wall: 0.001, gpu: null }, own.now, 1000);
  assert.ok(repeats * 0.001 * 0.8 >= 0.1, `${repeats} repeats`);
});
