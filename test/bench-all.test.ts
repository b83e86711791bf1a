/** Results in pieces: put together, trimmed, told in a README, and kept beside PyTorch's. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mergeResults, trimmed } from '../bench/harness/merge.js';
import { parseResult, type BenchResult } from '../bench/harness/schema.js';
import { runChild } from '../bench/node/all/child.js';
import { folderName } from '../bench/node/all/run.js';
import { partsOf, type PartCommand, type PartContext } from '../bench/node/all/parts.js';
import { readState, writeState, type AllState } from '../bench/node/all/state.js';
import { summaryText } from '../bench/node/all/summary.js';
import { pairedRows } from '../bench/pairs.js';
import { renderBenchReport } from '../bench/report/page.js';
import { InputError } from '../src/engine/errors.js';
import { result, row } from './bench-results.js';

const PYTORCH = result([row('kernel', { implementation: 'PyTorch 2', variant: 'eager', time: 2e-3 }), row('unknown', { implementation: 'PyTorch 2' })], {
  suite: 'pytorch',
  environment: { ...result([]).environment, runtime: 'PyTorch 2 eager f32', adapter: { vendor: 'v', architecture: 'a', device: 'GPU', description: 'a GPU', software: false } },
});

test('pieces of one run become one result, and the later of two measurements counts', () => {
  const first = result([row('a', { time: 1 }), row('b', { time: 1 })], { skipped: [{ what: 'group of c', why: 'not measured: the run was interrupted' }, { what: 'large', why: 'too slow' }] });
  const second = result([row('b', { time: 3 }), row('c')], { skipped: [] });
  const whole = mergeResults(first, second, 'all');
  assert.deepEqual(whole.rows.map(({ id }) => id), ['a', 'b', 'c']);
  assert.equal(whole.rows[1].summary?.gpu?.median, 3);
  assert.deepEqual(whole.skipped, [{ what: 'large', why: 'too slow' }], 'what was measured after all is not left out');
  assert.equal(whole.suite, 'all');
  assert.equal(whole.seconds, first.seconds + second.seconds);
  const elsewhere: BenchResult = { ...second, environment: { ...second.environment, commit: 'another' } };
  assert.throws(() => mergeResults(first, elsewhere), InputError);
});

test('a trimmed result is smaller, is still read, and keeps its medians', () => {
  const whole = result([row('a', { time: Math.PI * 1e-3 })]);
  const small = trimmed(whole);
  assert.ok(JSON.stringify(small).length < JSON.stringify(whole).length);
  assert.deepEqual(parseResult(JSON.stringify(small), 'small'), small);
  assert.deepEqual(small.rows[0].summary, whole.rows[0].summary);
  assert.equal(small.rows[0].hot?.gpu?.[7], 3.142e-3);
});

test('rows are paired with another implementation by their work, the fastest of ours with theirs', () => {
  const ours = result([row('kernel', { variant: 'matmul=naive', time: 4e-3 }), row('kernel', { variant: 'matmul=quad', time: 1e-3 })]);
  const pairs = pairedRows(ours, PYTORCH);
  assert.deepEqual(pairs.map(({ own, other }) => [own.variant, other.implementation]), [['matmul=quad', 'PyTorch 2']]);
  const html = renderBenchReport(ours, PYTORCH);
  assert.match(html, /PyTorch eager/);
  assert.match(html, /PyTorch is faster in 0 of 1 rows/);
});

test('the README names device, date, commit, losing rows and how every part ended', () => {
  const state: AllState = { format: 'zygo-bench-all', commit: 'abc', adapter: 'x', parts: { verify: { status: 'done', seconds: 3, date: '2026-01-01T00:00:00.000Z', note: 'all | well' } } };
  const step = { row: 'step', preset: 'tiny', batch: 8, imageSize: 64, regions: 12, parameters: 1000, dispatches: 10, commands: 11, peakBytes: 3 * 2 ** 20, lowerBoundBytes: 2 ** 21, encodePerDispatch: [2e-6], breakdown: null };
  const measured = result([row('kernel', { time: 4e-3 }), row('step', { section: 'training', time: 1 })], { training: [step] });
  const text = summaryText({
    state,
    titles: new Map([['verify', 'kernels'], ['train', 'a training']]),
    result: measured,
    pytorch: PYTORCH,
    chrome: result([row('kernel', { time: 8e-3 })], { environment: { ...measured.environment, runtime: 'Chrome 1' } }),
    speed: { stepsPerSecond: 2.5, steps: 10, batch: 32 },
    files: [['results.json', 'rows']],
  });
  assert.match(text, /software adapter/);
  assert.match(text, /date: 2026-01-01; commit not known/);
  assert.match(text, /2\.00 ms \(0\.500x\)/, 'a row that PyTorch wins is shown');
  assert.match(text, /\| verify \| kernels \| done \| 3 s \| all \/ well \|/);
  assert.match(text, /\| train \| a training \| not run yet \|/);
  assert.match(text, /\| kernel \[4, 4\], forward \| rules \| 4\.00 ms \(1\.00 %, 15\) \| 1e-6 \|/, 'with interquartile range, samples and error');
  assert.match(text, /\| 1\.00 s \(1\.000? %, 15\) \| 1e-6 \| 10 \| 2\.00 µs \| 3 MiB \| 2 MiB \|/, 'peak memory stands beside its lower bound');
  assert.match(text, /2\.50 steps\/s/);
  assert.match(text, /## In Chrome\n\nChrome 1, on .*\| 8\.00 ms \(1\.00 %, 15\) \| 1e-6 \| 4\.00 ms \(0\.500x\) \|/s);
});

/** What a part of a run on some device would do. */
async function commandOf(name: string, context: Partial<PartContext> = {}): Promise<PartCommand | undefined> {
  const parts = partsOf({ software: true, work: 'work', adapter: 'auto', torch: 'none', tuned: async () => false, matrices: async () => false, ...context });
  return parts.find((part) => part.name === name)?.command();
}

test('subgroup matrices are verified and measured where the adapter has them, and otherwise it is said why not', async () => {
  for (const name of ['verify-matrix', 'products-matrix']) {
    assert.deepEqual(await commandOf(name), { skip: 'this adapter offers no subgroup matrices of f16 that are summed in f32' });
    const given = await commandOf(name, { matrices: async () => true });
    assert.ok(given && 'args' in given && given.args.includes('--subgroup-matrix'), name);
  }
});

test('a state is gone on with for the same commit and adapter only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-all-'));
  try {
    const { state } = await readState(folder, 'abc', 'x');
    const done: AllState = { ...state, parts: { verify: { status: 'done', seconds: 1, date: '2026-01-01T00:00:00.000Z', note: '' } } };
    await writeState(folder, done);
    assert.deepEqual(await readState(folder, 'abc', 'x'), { state: done, stale: false });
    assert.deepEqual((await readState(folder, 'def', 'x')).state.parts, {});
    assert.equal((await readState(folder, 'abc', 'y')).stale, true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a part that outlasts its time is asked to end, and what it said last is kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-all-'));
  try {
    const waits = "process.on('SIGINT', () => { console.log('kept'); process.exit(130); }); setInterval(() => {}, 1000); console.log('begun');";
    const end = await runChild(process.execPath, ['-e', waits], join(folder, 'log'), 1, new AbortController().signal);
    assert.deepEqual([end.code, end.stopped, end.lastLine], [130, true, 'kept']);
    const failed = await runChild(join(folder, 'nothing'), [], join(folder, 'log'), 5, new AbortController().signal);
    assert.equal(failed.code, null);
    assert.match(failed.lastLine, /ENOENT/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('adapters become names of folders', () => {
  assert.equal(folderName('NVIDIA H100 80GB HBM3'), 'nvidia-h100-80gb-hbm3');
  assert.equal(folderName('??'), 'unnamed-adapter');
});
