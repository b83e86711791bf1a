/** `zygo tune` as a person runs it, and what `zygo train` makes of its winners. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Engine, TunedLookup } from '../src/engine/index.js';
import { resumedOptions } from '../src/cli/train/resume.js';
import type { TrainOptions } from '../src/cli/train/settings.js';
import { unmeasuredLine, useChoices } from '../src/cli/tune/stored.js';
import { summaryLine, tableLines } from '../src/cli/tune/table.js';
import { writeFaceFolder } from '../src/platform/node/image-files.js';
import type { TuningRecord } from '../src/tuning/index.js';
import { everythingIn, inFolder, noiseFaces, zygo } from './cli-process.js';

test('problems are measured, printed and stored; a run uses them, keeps them, and goes on with them', () =>
  inFolder(async (cwd) => {
    const before = process.env.ZYGO_CACHE;
    // The commands are processes of their own and inherit it; the machine's own winners stay out of this.
    process.env.ZYGO_CACHE = join(cwd, 'cache');
    try {
      const { code, stdout, stderr } = await zygo(['tune', '--preset', 'tiny', '--batch', '4', '--precision', 'mixed', '--filter', 'relation-marginals|matmul-f16 m4 n12 ', '--json', 'tune.json'], { cwd });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^family +problem +candidate +median +middle half +samples +verdict$/m);
      assert.match(stdout, /^relation-marginals +b8 r12 c64 +(serial|workgroup) +[\d.]+ (µs|ms|s) .* \d+/m);
      assert.match(stdout, /^matmul-f16 +m4 n12 k1152 b1 tB bias half +tile /m);
      assert.match(stdout, /2 problems: 2 measured now, 0 known; the rule was beaten in [012]\..* Stored in .*\.json\.$/m);
      const report = JSON.parse(await readFile(join(cwd, 'tune.json'), 'utf8')) as { records: TuningRecord[]; environment: { zygo: string } };
      const [product, record] = report.records;
      assert.deepEqual(record.candidates.map(({ variant }) => variant).sort(), ['serial', 'workgroup']);
      assert.ok(record.candidates.every(({ nanoseconds, n }) => nanoseconds !== null && nanoseconds > 0 && n > 0));

      await writeFaceFolder(join(cwd, 'faces'), noiseFaces(40, 8));
      const small = ['--preset', 'tiny', '--image-size', '32', '--batch', '4', '--loss-weights', 'region=0,contrast=0,relation=0', '--no-global-only', '--no-supervised'];
      const run = await zygo(['train', '--data', 'faces', '--out', 'run', '--steps', '1', ...small], { cwd });
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /^2 kernel choices tuned for this adapter on \d{4}-\d\d-\d\d\.$/m);
      const config = async () => (JSON.parse(await readFile(join(cwd, 'run', 'config.json'), 'utf8')) as { tuned: unknown }).tuned;
      const inForce = { date: record.date, variants: { 'matmul-f16': { [product.problem]: product.winner }, 'relation-marginals': { 'b8 r12 c64': record.winner } } };
      assert.deepEqual(await config(), inForce);

      await rm(join(cwd, 'cache', 'tuning'), { recursive: true });
      const resumed = await zygo(['train', '--resume', join('run', 'checkpoint.safetensors'), '--steps', '2'], { cwd });
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(resumed.stdout, /^2 kernel choices of the earlier run, tuned on \d{4}-\d\d-\d\d\.$/m);
      assert.deepEqual(await config(), inForce);
      assert.deepEqual((await everythingIn(join(cwd, 'cache'))).filter((name) => name.startsWith('tuning')), [], 'training measures nothing');
    } finally {
      if (before === undefined) delete process.env.ZYGO_CACHE;
      else process.env.ZYGO_CACHE = before;
    }
  }));

/** As much of an engine as choices need. */
function engineThatListens(): { engine: Engine; used: (TunedLookup | null)[] } {
  const used: (TunedLookup | null)[] = [];
  return { engine: { useTuned: (tuned: TunedLookup | null) => used.push(tuned) } as unknown as Engine, used };
}

test('--no-tuned leaves everything to the rules, and so does going on with a run that had no choices', async () => {
  const earlier = { date: '2026-01-02T03:04:05.000Z', variants: { matmul: { m1: 'tile' } } };
  for (const sources of [{ wanted: false }, { wanted: false, earlier }, { wanted: true, earlier: null }]) {
    const { engine, used } = engineThatListens();
    const said: string[] = [];
    assert.equal(await useChoices(engine, { ...sources, say: (line) => said.push(line) }), null);
    assert.deepEqual([used, said], [[null], []]);
  }
  const { engine, used } = engineThatListens();
  await useChoices(engine, { wanted: true, earlier, say: () => {} });
  assert.equal(used[0]?.('matmul', 'm1'), 'tile');
});

test('a mixed run is told when nothing that it multiplies was measured', () => {
  const choices = (family: string) => ({ date: '2026-01-02T03:04:05.000Z', variants: { [family]: { m1: 'tile' } } });
  assert.match(unmeasuredLine(choices('matmul'), 'mixed') ?? '', /^None of them is of products of f16: zygo tune --precision mixed measures those\.$/);
  assert.deepEqual([unmeasuredLine(choices('matmul'), 'f32'), unmeasuredLine(choices('matmul-f16'), 'mixed')], [null, null]);
});

test('config.json says which choices to go on with; one from before there were any means the rules', () =>
  inFolder(async (folder) => {
    const options = { preset: 'tiny', seed: 1, statistics: 'bp4d', budget: 'demo', globalOnly: true, supervised: true, checkpointEvery: 9 };
    const resume = { ...options, tuned: true, resume: join(folder, 'checkpoint.safetensors') } as TrainOptions;
    const write = (config: object) => writeFile(join(folder, 'config.json'), JSON.stringify(config));
    assert.equal((await resumedOptions(resume, new Set())).tuned, undefined, 'no config.json: a run of its own');
    await write({ options });
    assert.equal((await resumedOptions(resume, new Set())).tuned, null);
    const tuned = { date: '2026-01-02T03:04:05.000Z', variants: { matmul: { m1: 'tile' } } };
    await write({ options: { ...options, tuned: false }, tuned });
    const resumed = await resumedOptions(resume, new Set());
    assert.deepEqual([resumed.tuned, resumed.options.tuned], [tuned, false]);
    assert.equal((await resumedOptions(resume, new Set(['tuned']))).options.tuned, true, 'the command line says otherwise');
    await write({ options, tuned: { date: 1 } });
    await assert.rejects(resumedOptions(resume, new Set()), /is not the config\.json of a run/);
  }));

test('the table shows every candidate, who is used and by how much, and a busy machine', () => {
  const candidate = { n: 9, repeats: 1, error: 0, note: '' };
  const record: TuningRecord = {
    family: 'matmul',
    problem: 'm8 n8 k8 b1',
    rule: 'tile',
    winner: 'quad',
    candidates: [
      { ...candidate, variant: 'naive', nanoseconds: 2e9, spread: [2e9, 2e9], n: 1, note: 'far slower: timed once' },
      { ...candidate, variant: 'tile', nanoseconds: 3e6, spread: [2e6, 4e6] },
      { ...candidate, variant: 'quad', nanoseconds: 1.5e6, spread: [1e6, 2e6] },
      { ...candidate, variant: 'workgroup', nanoseconds: null, spread: null, n: 0, note: 'wrong: differs from naive by 1.0e+0 of the largest value' },
    ],
    shaders: [],
    kernels: '',
    clock: 'gpu',
    date: '',
  };
  const cells = tableLines([record]).map((line) => line.split(/ {2,}/));
  assert.deepEqual(cells.slice(1), [
    ['matmul', 'm8 n8 k8 b1', 'naive', '2.00 s', '-', '1', 'far slower: timed once'],
    ['', 'tile', '3.00 ms', '2.00 ms to 4.00 ms', '9', 'the rule'],
    ['', 'quad', '1.50 ms', '1.00 ms to 2.00 ms', '9', 'used: 2.00x the rule'],
    ['', 'workgroup', '-', '-', '-', 'wrong: differs from naive by 1.0e+0 of the largest value'],
  ]);
  assert.equal(
    summaryLine([record], 1, 2, 'Stored in F.'),
    '3 problems: 1 measured now, 0 known, 2 could not be measured; the rule was beaten in 1. ' +
      'Typical spread: 67 % of the median (the machine was busy: --retune when it is idle). Stored in F.',
  );
});
