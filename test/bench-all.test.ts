/** Results in pieces: put together, trimmed, told in a README, and kept beside PyTorch's. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mergeResults, trimmed } from '../bench/harness/merge.js';
import { parseResult, type BenchResult } from '../bench/harness/schema.js';
import { runChild } from '../bench/node/all/child.js';
import { rawFile } from '../bench/node/all/parts.js';
import { combined, dropRaw } from '../bench/node/all/raw.js';
import { folderName } from '../bench/node/all/run.js';
import { partsOf, type PartCommand, type PartContext } from '../bench/node/all/parts.js';
import { readState, writeState, type AllState } from '../bench/node/all/state.js';
import { summaryText } from '../bench/node/all/summary.js';
import { dropTrainings, speedOf } from '../bench/node/all/training-speed.js';
import { pairedRows } from '../bench/pairs.js';
import { renderBenchReport } from '../bench/report/page.js';
import { InputError } from '../src/engine/errors.js';
import { result, row } from './bench-results.js';

const PYTORCH = result([row('kernel', { implementation: 'PyTorch 2', variant: 'eager', time: 2e-3 }), row('unknown', { implementation: 'PyTorch 2' })], {
  suite: 'pytorch',
  environment: { ...result([]).environment, runtime: 'PyTorch 2 eager f32', adapter: { vendor: 'v', architecture: 'a', device: 'GPU', description: 'a GPU', software: false } },
});

test('pieces of one run become one result, and the later of two measurements counts', () => {
  const first = result([row('a', { time: 1 }), row('b', { time: 1 })], { skipped: [{ what: 'group of c', why: 'not measured: the run was interrupted' }, { what: 'group of b', why: 'the device failed: it was lost' }, { what: 'large', why: 'too slow' }] });
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

/** A rung of a ladder of one work, where the rules choose `rule`. */
const rung = (variant: string, rule: string, time: number) => row('kernel', { variant: `matmul=${variant}`, choices: [{ family: 'matmul', problem: 'm4', variant, rule }], time });

test('rows are paired with another implementation by their work, what the rules choose with theirs', () => {
  const ours = result([rung('naive', 'tile', 4e-3), rung('tile', 'tile', 2e-3), rung('quad', 'tile', 1e-3)]);
  const pairedNames = (rows: BenchResult['rows']) => pairedRows(result(rows), PYTORCH).map(({ own, other }) => [own.row.variant, own.byRules, own.faster?.variant ?? null, other.implementation]);
  assert.deepEqual(pairedNames(ours.rows), [['matmul=tile', true, 'matmul=quad', 'PyTorch 2']]);
  assert.deepEqual(pairedNames([rung('tile', 'tile', 1e-3), rung('naive', 'tile', 4e-3)]), [['matmul=tile', true, null, 'PyTorch 2']]);
  assert.deepEqual(pairedNames([row('kernel', { time: 2e-3 }), rung('tile', 'tile', 1e-3)]), [['rules', true, null, 'PyTorch 2']], 'the same choice twice is no faster variant');
  assert.deepEqual(pairedNames([row('kernel', { section: 'peers', time: 1e-3 }), rung('tile', 'tile', 2e-3)]), [['matmul=tile', true, null, 'PyTorch 2']], 'a race is timed by the wall clock');
  assert.deepEqual(pairedNames([rung('naive', 'tile', 4e-3), rung('quad', 'tile', 3e-3)]), [['matmul=quad', false, null, 'PyTorch 2']], 'the rules\' rung has no time');
  const steps = (implementation: string) =>
    result(['tiny', 'small'].flatMap((model) => ['training step', 'training step, mixed precision'].map((op) => row(`${implementation} ${model} ${op}`, { op, model, implementation }))));
  const paired = pairedRows(steps('zygo'), steps('PyTorch 2')).map(({ own: { row: own }, other }) => [`${own.op} ${own.model}`, `${other.op} ${other.model}`]);
  assert.equal(paired.length, 4);
  assert.ok(paired.every(([own, other]) => own === other), 'a step with that of the same preset and precision');
  const html = renderBenchReport(ours, PYTORCH);
  assert.match(html, /PyTorch eager/);
  assert.match(html, /PyTorch is faster in 0 of 1 rows/);
  assert.match(html, /fastest: matmul=quad, 1\.00 ms \(2\.00x as fast\)/);
  assert.match(renderBenchReport(result([rung('tile', 'tile', 3e-3), rung('quad', 'tile', 1e-3)]), PYTORCH), /PyTorch is faster in 1 of 1 rows/, 'the faster rung is not what a user gets');
});

test('the README names device, date, commit, losing rows and how every part ended', () => {
  const state: AllState = { format: 'zygo-bench-all', commit: 'abc', adapter: 'x', parts: { verify: { status: 'done', seconds: 3, date: '2026-01-01T00:00:00.000Z', note: 'all | well' } } };
  const step = { row: 'step', preset: 'tiny', options: '', batch: 8, imageSize: 64, regions: 12, parameters: 1000, dispatches: 10, commands: 11, peakBytes: 3 * 2 ** 20, lowerBoundBytes: 2 ** 21, encodePerDispatch: [2e-6], breakdown: null };
  const measured = result([row('kernel', { time: 4e-3 }), row('step', { section: 'training', time: 1 })], { training: [step] });
  const text = summaryText({
    state,
    titles: new Map([['verify', 'kernels'], ['train', 'a training']]),
    result: measured,
    pytorch: PYTORCH,
    matrices: result(
      ['matrix', 'block'].map((variant, at) => ({
        ...row(variant, { time: 1e-3 - 5e-4 * at }),
        section: 'ladder',
        op: 'matmul f16',
        variant: `matmul-f16=${variant}`,
        choices: [{ family: 'matmul-f16', problem: 'm4', variant, rule: 'matrix' }],
      })),
    ),
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
  assert.match(text, /## With experimental subgroup matrices.*\| matmul f16 [^|]*\| matmul-f16=matrix; fastest: matmul-f16=block, 500 µs \(2\.00x as fast\) \| 1\.00 ms/s);
  assert.match(text, /## In Chrome \(software adapter\)\n\nChrome 1, on .*\| 8\.00 ms \(1\.00 %, 15\) \| 1e-6 \| 4\.00 ms \(0\.500x\) \|/s);
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

test('on a GPU what matters most comes first: twelve minutes are enough for it, and PyTorch is among it', async () => {
  const parts = partsOf({ software: false, work: 'work', adapter: 'auto', torch: 'cpu', tuned: async () => false, matrices: async () => true });
  const names = parts.map(({ name }) => name);
  assert.deepEqual(names.slice(0, 9), ['verify', 'products', 'steps', 'pytorch', 'verify-matrix', 'products-matrix', 'rivals', 'bandwidth', 'pytorch-rivals']);
  assert.deepEqual(names.slice(9, 11), ['peers', 'tune']);
  const shareTo = (last: string): number => parts.slice(0, names.indexOf(last) + 1).reduce((sum, { share }) => sum + share, 0);
  // Even if every part takes all that it may, and the minute in which one may end besides.
  assert.ok(shareTo('pytorch') <= 0.7, 'PyTorch has measured the products and steps');
  assert.ok(shareTo('pytorch-rivals') <= 1, 'and the fused kernels');
  assert.ok(parts.every(({ share }) => share * 12 * 60 > 15), 'no share of twelve minutes is too small to begin with');
});

test("PyTorch's parts go on with one file, for all that was measured by then", async () => {
  const names = partsOf({ software: false, work: 'work', adapter: 'auto', torch: 'none', tuned: async () => false, matrices: async () => true }).map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name.startsWith('pytorch')), ['pytorch', 'pytorch-rivals', 'pytorch-kernels']);
  assert.equal(names.at(-1), 'pytorch-kernels');
  assert.deepEqual(await commandOf('pytorch-kernels'), { skip: 'not asked for' });
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
    await writeFile(join(folder, 'state.json'), '{"format":');
    assert.deepEqual(await readState(folder, 'abc', 'x'), { state, stale: false }, 'what cannot be read takes no results with it');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('raw results that cannot be gone on with are taken away and told; the others stay', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-all-'));
  const told: string[] = [];
  const say = (line: string): void => void told.push(line);
  try {
    const own = result([row('a')]);
    const at = (commit: string | null): string => JSON.stringify({ ...own, environment: { ...own.environment, commit } });
    await writeFile(rawFile(folder, 'steps'), at('abc'));
    await writeFile(rawFile(folder, 'peers'), at('abc').slice(0, 100));
    await writeFile(rawFile(folder, 'kernels'), at('def'));
    assert.deepEqual((await combined(folder, ['peers', 'steps', 'kernels'], say))?.rows.map(({ id }) => id), ['a']);
    assert.match(told.join('\n'), /^.*peers\.json is no JSON.*\nkernels is left out: .*the commit was abc and is def/);
    const gone = await dropRaw(folder, 'abc', false, say);
    assert.ok(gone.includes('peers') && gone.includes('kernels') && !gone.includes('steps'));
    assert.deepEqual(await readdir(folder), ['steps.json']);
    await dropRaw(folder, 'abc', true, say);
    assert.deepEqual(await readdir(folder), []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the speed of a training is that of its steps, without the first two and whatever one of them took', () => {
  const speed = speedOf([10, 14, 14.5, 15, 25, 25.5].map((elapsedSeconds) => ({ elapsedSeconds })), 32);
  assert.deepEqual(speed, { stepsPerSecond: 2, steps: 4, batch: 32 });
  assert.equal(speedOf([{ elapsedSeconds: 10 }, { elapsedSeconds: 11 }], 32), null);
});

test('what trainings of another commit left is taken away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-all-'));
  try {
    await mkdir(join(folder, 'train-1', 'inside'), { recursive: true });
    await writeFile(join(folder, 'train.log'), '');
    await dropTrainings(folder);
    assert.deepEqual(await readdir(folder), ['train.log']);
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
    const unlogged = await runChild(process.execPath, ['-e', "console.log('done')"], join(folder, 'nowhere', 'log'), 30, new AbortController().signal);
    assert.deepEqual([unlogged.code, unlogged.lastLine], [0, 'done'], 'a log that cannot be written ends nothing');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** A process that nobody can ask to end, with one of its own; their numbers are its first line. */
const STUBBORN = `const { spawn } = require('node:child_process');
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {});
const own = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
// Windows has no process groups: there the process alone is killed.
console.log(...(process.platform === 'win32' ? [process.pid] : [process.pid, own.pid]));
setInterval(() => {}, 1000);`;

/** Waits until none of the processes is there any more. */
async function expectGone(pids: readonly number[]): Promise<void> {
  const alive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  for (let tries = 0; pids.some(alive) && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
  const left = pids.filter(alive);
  for (const pid of left) process.kill(pid, 'SIGKILL');
  assert.deepEqual(left, []);
}

test('a part that does not end when it is asked is killed with what it has started', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-all-'));
  try {
    const log = join(folder, 'log');
    const interrupt = new AbortController();
    const ending = runChild(process.execPath, ['-e', STUBBORN], log, 60, interrupt.signal, 0.2);
    while (!(await readFile(log, 'utf8').catch(() => '')).includes('\n')) await new Promise((resolve) => setTimeout(resolve, 20));
    interrupt.abort();
    const end = await ending;
    assert.deepEqual([end.code, end.stopped], [null, true]);
    await expectGone(end.lastLine.split(' ').map(Number));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a part is killed with what it has started when bench all ends at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-all-'));
  try {
    const script = `import { existsSync, readFileSync } from 'node:fs';
import { runChild } from ${JSON.stringify(new URL('../bench/node/all/child.js', import.meta.url))};
const log = ${JSON.stringify(join(folder, 'log'))};
void runChild(process.execPath, ['-e', ${JSON.stringify(STUBBORN)}], log, 60, new AbortController().signal);
setInterval(() => existsSync(log) && readFileSync(log, 'utf8').includes('\\n') && process.exit(130), 20);`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.equal(status, 130);
    const pids = stdout.trim().split(' ').map(Number);
    assert.ok(pids.every((pid) => pid > 0), stdout);
    await expectGone(pids);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('after Ctrl-C no part is begun', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-all-'));
  try {
    const end = await runChild(process.execPath, ['-e', STUBBORN], join(folder, 'log'), 2, AbortSignal.abort(), 0.2);
    assert.deepEqual([end.code, end.stopped, end.seconds], [null, true, 0]);
    assert.deepEqual(await readdir(folder), []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('adapters become names of folders', () => {
  assert.equal(folderName('NVIDIA H100 80GB HBM3'), 'nvidia-h100-80gb-hbm3');
  assert.equal(folderName('??'), 'unnamed-adapter');
});
