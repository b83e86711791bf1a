/** The parts of the command line that need no process: progress lines, settings from options, the full budget's line. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Writable } from 'node:stream';
import { fullBudgetLine } from '../src/cli/train/results.js';
import { defaultRunFolder, RunFolder } from '../src/cli/train/run-folder.js';
import { resolveSettings, type TrainOptions } from '../src/cli/train/settings.js';
import { clock, Progress } from '../src/cli/progress.js';
import { InputError } from '../src/engine/errors.js';
import { gitCommit, noteCommit } from '../src/cli/version.js';
import { PRESETS } from '../src/model/presets.js';

const OPTIONS: TrainOptions = {
  preset: 'tiny',
  seed: 1,
  statistics: 'bp4d',
  budget: 'full',
  globalOnly: true,
  supervised: true,
  checkpointEvery: 100,
  adapter: 'auto',
  verbose: false,
};
const NONE: ReadonlySet<string> = new Set();

test('clock shows seconds as people read them', () => {
  assert.deepEqual([0.4, 7, 151, 3600, 3909.6].map(clock), ['0:00', '0:07', '2:31', '1:00:00', '1:05:10']);
});

test('without a terminal a line comes every 5 % but not more often than every 2 s, after 15 s at the latest, and at the end', () => {
  let text = '';
  let now = 0;
  const stream = new Writable({ write: (chunk: Buffer, _encoding, done) => ((text += chunk.toString()), done()) });
  const progress = new Progress(stream as NodeJS.WriteStream, () => now);
  progress.begin('Training', 100, { unit: 'steps', perCount: 32, rateUnit: 'faces' });
  const advance = (seconds: number, done: number, details?: string): string => {
    now += seconds;
    text = '';
    progress.update(done, details);
    return text;
  };
  assert.equal(text, 'Training: 100 steps\n');
  assert.equal(advance(1, 10), '', 'ten per cent, but only one second');
  assert.equal(advance(1, 20, 'loss 1.0'), '  20/100 steps (20 %) | 320 faces/s | 0:08 left | loss 1.0\n');
  assert.equal(advance(3, 22), '', 'three seconds, but only two per cent');
  assert.equal(advance(13, 23), '  23/100 steps (23 %) | 40.9 faces/s | 1:00 left\n');
  assert.equal(advance(0.1, 100), '  100/100 steps (100 %) | 177 faces/s | took 0:18\n');
});

test('what was done before a resumed phase does not count into its rate', () => {
  let text = '';
  let now = 0;
  const stream = new Writable({ write: (chunk: Buffer, _encoding, done) => ((text += chunk.toString()), done()) });
  const progress = new Progress(stream as NodeJS.WriteStream, () => now);
  progress.begin('Training', 100, { unit: 'steps' }, 50);
  now = 10;
  progress.update(60);
  assert.match(text, /60\/100 steps \(60 %\) \| 1\.0 steps\/s \| 0:40 left\n$/);
});

test('without options a run is its preset and budget', () => {
  const settings = resolveSettings(OPTIONS, NONE);
  assert.deepEqual(settings.preset, PRESETS.tiny);
  assert.deepEqual(settings.budget, PRESETS.tiny.full);
  assert.deepEqual(settings.source, { kind: 'synthetic', statistics: 'bp4d' });
  assert.deepEqual(resolveSettings({ ...OPTIONS, budget: 'demo' }, NONE).budget, PRESETS.tiny.demo);
});

test('precision is f32 unless mixed is asked for', () => {
  assert.equal(resolveSettings(OPTIONS, NONE).precision, 'f32');
  assert.equal(resolveSettings({ ...OPTIONS, precision: 'mixed' }, NONE).precision, 'mixed');
});

test('accumulation divides the batch, which stays what it was, or is refused', () => {
  const { accumulate, checkpointActivations, budget } = resolveSettings({ ...OPTIONS, accumulate: 4, checkpointActivations: true }, NONE);
  assert.deepEqual([accumulate, checkpointActivations, budget.batch], [4, true, PRESETS.tiny.full.batch]);
  assert.deepEqual([resolveSettings(OPTIONS, NONE).accumulate, resolveSettings(OPTIONS, NONE).checkpointActivations], [1, false]);
  assert.throws(() => resolveSettings({ ...OPTIONS, accumulate: 5 }, NONE), /32 faces cannot be divided into 5 micro-batches/);
});

test('steps and faces change the other phases and people in proportion', () => {
  const { full } = PRESETS.tiny;
  const { budget } = resolveSettings({ ...OPTIONS, steps: full.steps / 2, faces: full.faces / 4, batch: 16 }, NONE);
  assert.deepEqual(budget, {
    faces: full.faces / 4,
    identities: full.identities / 4,
    testFaces: full.testFaces / 4,
    testIdentities: full.testIdentities / 4,
    batch: 16,
    steps: full.steps / 2,
    globalOnlySteps: full.globalOnlySteps / 2,
    supervisedSteps: full.supervisedSteps / 2,
  });
  const few = resolveSettings({ ...OPTIONS, faces: 20 }, NONE).budget;
  assert.ok(few.identities >= 4 && few.identities <= few.faces && few.testIdentities <= few.testFaces, 'never more people than faces');
});

test('baselines can be left out, losses weighed, the input made smaller', () => {
  const { budget, preset } = resolveSettings(
    { ...OPTIONS, globalOnly: false, supervised: false, lossWeights: { region: 0, global: 2 }, imageSize: 32 },
    NONE,
  );
  assert.equal(budget.globalOnlySteps + budget.supervisedSteps, 0);
  assert.deepEqual(preset.objective, { ...PRESETS.tiny.objective, region: 0, global: 2 });
  assert.equal(preset.backbone.imageSize, 32);
  assert.equal(preset.faceSize / 32, PRESETS.tiny.faceSize / PRESETS.tiny.backbone.imageSize, 'faces keep their margin for crops');
});

test('a run folder is named by day, time, preset and seed', () => {
  assert.match(defaultRunFolder('tiny', 7, new Date(2026, 10, 3, 9, 5, 1)), /^runs.20261103-090501-tiny-s7$/);
});

test('the full budget is told as measured, or as not measured', () => {
  assert.match(fullBudgetLine('tiny', 'bp4d', []), /not been measured/);
  const row = { preset: 'tiny', statistics: 'bp4d', adapter: 'Some GPU', date: '2026-11-24', wallSeconds: 600, randomInit: 0.5, alwaysPositive: 0.48 } as const;
  const rows = [{ ...row, seed: 1, model: 0.55 }, { ...row, seed: 2, model: 0.57, wallSeconds: 660 }];
  const line = fullBudgetLine('tiny', 'bp4d', rows);
  assert.match(line, /macro F1 56\.0 \(seeds 1, 2: 55\.0, 57\.0\), random init 50\.0, always positive 48\.0, in up to 11:00 each on Some GPU \(2026-11-24\)/);
  assert.match(fullBudgetLine('small', 'bp4d', rows), /not been measured/);
});

test('a run goes on without metrics where there are none, and not over metrics that it cannot read', async () => {
  const run = await mkdtemp(join(tmpdir(), 'zygo-run-'));
  try {
    assert.deepEqual((await RunFolder.goOn(run, 5)).metrics, []);
    await mkdir(join(run, 'metrics.jsonl'));
    await assert.rejects(RunFolder.goOn(run, 5), (error: Error) => error instanceof InputError && /metrics\.jsonl cannot be read .*: expected the metrics of the run that goes on/.test(error.message));
  } finally {
    await rm(run, { recursive: true });
  }
});

test('a copy of the checkout without git knows the commit that its build noted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-commit-'));
  try {
    assert.equal(gitCommit(folder), null);
    await mkdir(join(folder, 'dist'));
    const note = join(folder, 'dist', 'commit.json');
    await writeFile(note, '{"commit":"abc"}\n');
    assert.equal(gitCommit(folder), 'abc');
    noteCommit(folder);
    assert.equal(gitCommit(folder), null, 'what was built without git is of no known commit');
    const git = (...args: string[]): void => void execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: folder, stdio: 'ignore' });
    git('init');
    git('commit', '--allow-empty', '-m', 'first');
    noteCommit(folder);
    await rm(join(folder, '.git'), { recursive: true });
    assert.match(gitCommit(folder) ?? '', /^[0-9a-f]{40}$/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
