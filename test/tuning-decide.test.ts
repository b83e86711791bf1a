/** Who wins, how samples are taken, and what is kept: with a clock of the test's own, on no device. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { problemKey, readProblemKey } from '../src/kernels/problem-key.js';
import { FileTuningStore } from '../src/platform/node/tuning-store.js';
import {
  choicesOf,
  countChoices,
  currentRecords,
  decide,
  gainOf,
  hashOfShaders,
  summaryOf,
  lookupOf,
  measure,
  type CandidateTime,
  type Timer,
  type TuningEnvironment,
  type TuningRecord,
} from '../src/tuning/index.js';

function timed(variant: string, nanoseconds: number, noise: number): CandidateTime {
  return { variant, nanoseconds, spread: [nanoseconds - noise, nanoseconds + noise], n: 9, repeats: 1, error: 0, note: '' };
}
const wrong = (variant: string): CandidateTime => ({ variant, nanoseconds: null, spread: null, n: 0, repeats: 0, error: 1, note: 'wrong' });

test('the rule stays unless another variant is faster by more than the noise', () => {
  assert.equal(decide([timed('a', 100, 5), timed('b', 80, 5)], 'a'), 'b');
  assert.equal(decide([timed('a', 100, 15), timed('b', 80, 15)], 'a'), 'a', 'the middle halves touch');
  assert.equal(decide([timed('a', 100, 0.1), timed('b', 98, 0.1)], 'a'), 'a', 'less than 3 %');
  assert.equal(decide([timed('a', 100, 1), timed('b', 120, 1)], 'a'), 'a');
  assert.equal(decide([timed('a', 100, 1), timed('b', 90, 1), timed('c', 70, 1)], 'a'), 'c');
});

test('a wrong variant never wins, and a wrong rule loses to one that is right', () => {
  assert.equal(decide([timed('a', 100, 1), wrong('b')], 'a'), 'a');
  assert.equal(decide([wrong('a'), timed('b', 100, 1), timed('c', 50, 1)], 'a'), 'c');
  assert.equal(decide([wrong('a'), wrong('b')], 'a'), 'a');
  assert.equal(gainOf([timed('a', 100, 1), timed('b', 50, 1)], 'a', 'b'), 2);
  assert.equal(gainOf([wrong('a'), timed('b', 50, 1)], 'a', 'b'), null);
});

/** Takes what `costs` say, nanoseconds per run, and writes down what it was asked. */
function fakeTimer(costs: Record<string, number>, quantum: number) {
  const asked: { variant: string; repeats: number }[] = [];
  const timer: Timer<string> = {
    quantum,
    clock: 'gpu',
    time: (variant, repeats) => {
      asked.push({ variant, repeats });
      return Promise.resolve(Math.floor((costs[variant] * repeats) / quantum) * quantum);
    },
  };
  return { timer, asked };
}
const subjects = (...variants: string[]) => new Map(variants.map((variant) => [variant, variant]));

test('samples last at least 100 steps of the timer and alternate', async () => {
  const { timer, asked } = fakeTimer({ a: 700, b: 900 }, 100_000);
  const samples = await measure(timer, subjects('a', 'b'), 'a');
  for (const variant of ['a', 'b']) {
    const { repeats, nanoseconds } = samples.get(variant) ?? assert.fail();
    assert.ok(repeats * (variant === 'a' ? 700 : 900) >= 100 * 100_000, `${variant}: ${repeats}`);
    assert.equal(nanoseconds.length, 9);
    for (const value of nanoseconds) assert.ok(Math.abs(value / (variant === 'a' ? 700 : 900) - 1) < 0.011);
  }
  const rounds = asked.slice(-18).map(({ variant }) => variant).join('');
  assert.equal(rounds, 'abbaabbaabbaabbaab'.slice(0, 18));
});

test('what is slower is left behind with the samples it has; the variant of the rule never is', async () => {
  const { timer, asked } = fakeTimer({ rule: 3e6, fast: 1e6, slower: 2e6, hopeless: 9e8 }, 1000);
  const samples = await measure(timer, subjects('fast', 'rule', 'slower', 'hopeless'), 'rule');
  const count = (variant: string) => samples.get(variant)?.nanoseconds.length;
  assert.deepEqual([count('rule'), count('fast'), count('slower'), count('hopeless')], [9, 9, 3, 1]);
  assert.equal(asked.filter(({ variant }) => variant === 'hopeless').length, 1);
  assert.match(samples.get('hopeless')?.note ?? '', /timed once/);
});

test('what no number of repeats makes long enough gets no time', async () => {
  const { timer } = fakeTimer({ a: 1 }, 100_000);
  const samples = await measure(timer, subjects('a'), 'a');
  assert.deepEqual(samples.get('a')?.nanoseconds, []);
  assert.match(samples.get('a')?.note ?? '', /too short for this timer/);
});

test('a key is read as it was written', () => {
  const key = problemKey({ m: 64, n: 0 }, { tA: false, bias: true });
  assert.equal(key, 'm64 n0 bias');
  assert.equal(readProblemKey(key).size('m'), 64);
  assert.equal(readProblemKey(key).has('bias'), true);
  assert.equal(readProblemKey(key).has('tA'), false);
  assert.throws(() => readProblemKey(key).size('k'), RangeError);
});

const ENVIRONMENT: TuningEnvironment = {
  adapter: { vendor: 'v', architecture: 'a', device: 'd', description: 'driver 1' },
  features: ['subgroups'],
  runtime: 'Dawn 1',
  zygo: '0.1.0',
};
const SOURCES = { 'x/one': 'fn one() {}', 'x/two': 'fn two() {}' };

async function recordOf(problem: string, winner: string): Promise<TuningRecord> {
  const shaders = ['x/one', 'x/two'];
  return {
    family: 'x',
    problem,
    rule: 'one',
    winner,
    candidates: [timed('one', 100, 1), timed('two', 50, 1)],
    shaders,
    kernels: (await hashOfShaders(shaders, SOURCES)) as string,
    clock: 'gpu',
    date: `2026-01-0${problem.length}T00:00:00.000Z`,
  };
}

test('a record holds as long as its kernels are the same', async () => {
  const set = { format: 1 as const, environment: ENVIRONMENT, records: [await recordOf('n1', 'two')] };
  assert.equal((await currentRecords(set, { ...SOURCES, 'y/other': 'changed' })).length, 1);
  assert.equal((await currentRecords(set, { ...SOURCES, 'x/two': 'fn two() { }' })).length, 0, 'a changed kernel');
  assert.equal((await currentRecords(set, { 'x/one': SOURCES['x/one'] })).length, 0, 'a kernel that is gone');
  const names = Object.keys(SOURCES);
  assert.notEqual(await hashOfShaders(names, SOURCES, 'other code'), await hashOfShaders(names, SOURCES), 'other launches');
});

test('a summary names the choices that beat their rule, the largest gain first', async () => {
  const gained = async (problem: string, nanoseconds: number) => ({ ...(await recordOf(problem, 'two')), candidates: [timed('one', 100, 1), timed('two', nanoseconds, 1)] });
  const summary = summaryOf([await recordOf('n1', 'one'), await gained('n12', 50), await gained('n123', 25)]) ?? assert.fail();
  assert.equal(summary.choices, 3);
  assert.equal(summary.date, '2026-01-04T00:00:00.000Z');
  assert.deepEqual(summary.gains.map(({ problem, gain }) => [problem, gain]), [['n123', 4], ['n12', 2]]);
  assert.equal(summaryOf([]), null);
});

test('winners are looked up by family and problem', async () => {
  const choices = choicesOf([await recordOf('n12', 'two'), await recordOf('n1', 'one')]) ?? assert.fail();
  assert.deepEqual(choices, { date: '2026-01-03T00:00:00.000Z', variants: { x: { n1: 'one', n12: 'two' } } });
  assert.equal(countChoices(choices), 2);
  const lookup = lookupOf(choices);
  assert.equal(lookup('x', 'n12'), 'two');
  assert.equal(lookup('x', 'n2'), undefined);
  assert.equal(lookup('toString', 'n1'), undefined);
  assert.equal(choicesOf([]), null);
});

test('the store gives back what it was given, for the same environment only, and says what it cannot use', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-tuning-'));
  try {
    const store = new FileTuningStore(join(folder, 'tuning'));
    assert.deepEqual(await store.load(ENVIRONMENT), { set: null, problem: null });
    const set = { format: 1 as const, environment: ENVIRONMENT, records: [await recordOf('n1', 'two')] };
    const file = await store.save(set);
    assert.deepEqual(await readdir(dirname(file)), [file.slice(dirname(file).length + 1)], 'nothing half written is left');
    assert.deepEqual((await store.load(ENVIRONMENT)).set, set);
    for (const other of [
      { ...ENVIRONMENT, zygo: '0.2.0' },
      { ...ENVIRONMENT, runtime: 'Dawn 2' },
      { ...ENVIRONMENT, features: [] },
      { ...ENVIRONMENT, adapter: { ...ENVIRONMENT.adapter, description: 'driver 2' } },
    ]) {
      assert.deepEqual(await store.load(other), { set: null, problem: null });
      // Even under the other environment's name.
      await writeFile(await store.fileOf(other), JSON.stringify(set));
      assert.match((await store.load(other)).problem ?? '', /is not used/);
    }
    for (const text of ['{"format":1', '[]', JSON.stringify({ ...set, records: [{}] })]) {
      await writeFile(file, text);
      const { set: none, problem } = await store.load(ENVIRONMENT);
      assert.equal(none, null);
      assert.match(problem ?? '', /does not hold tuned kernel choices .* zygo tune writes it anew\.$/);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
