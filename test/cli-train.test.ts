/** `zygo train` and `zygo eval` from end to end as processes: run folder, Ctrl-C, going on, and a device that fails. */
import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeSnapshot } from '../src/model/checkpoint/training-state.js';
import { writeFaceFolder } from '../src/platform/node/image-files.js';
import { parseMetrics, runSummarySchema } from '../src/report/summary-schema.js';
import { everythingIn, inFolder, noiseFaces, start, zygo } from './cli-process.js';

/** The smallest network that the tiny preset can be made: minutes of waiting show nothing that seconds do not. */
const SMALL = ['--preset', 'tiny', '--image-size', '32', '--batch', '4'];
const GLOBAL_ONLY = ['--loss-weights', 'region=0,contrast=0,relation=0', '--no-global-only', '--no-supervised'];
const FILES = ['checkpoint.safetensors', 'config.json', 'metrics.jsonl', 'report.html', 'summary.json'];

const readMetrics = async (run: string) => parseMetrics(await readFile(join(run, 'metrics.jsonl'), 'utf8').catch(() => ''), 'metrics.jsonl');
const isThere = (file: string) => access(file).then(() => true, () => false);

/** Waits until something holds, or the process that should bring it about has ended. */
async function until(holds: () => Promise<boolean>, ended: Promise<unknown>): Promise<void> {
  let over = false;
  void ended.then(() => (over = true));
  while (!over && !(await holds())) await sleep(20);
}

test('a run on a face folder writes its five files, and eval gives its scores again', () =>
  inFolder(async (cwd) => {
    await writeFaceFolder(join(cwd, 'faces'), noiseFaces(40, 8));
    const { code, stdout, stderr } = await zygo(['train', '--data', 'faces', '--out', 'run', '--steps', '3', '--seed', '5', ...SMALL], { cwd });
    assert.equal(stderr, '');
    assert.equal(code, 0);
    const run = join(cwd, 'run');
    assert.deepEqual(await everythingIn(run), FILES);

    const summary = runSummarySchema.parse(JSON.parse(await readFile(join(run, 'summary.json'), 'utf8')));
    assert.equal(summary.steps, 3);
    assert.equal(summary.seed, 5);
    assert.deepEqual(Object.keys(summary.scores).sort(), ['alwaysPositive', 'globalOnly', 'model', 'randomInit', 'supervised']);
    for (const method of ['model', 'randomInit', 'globalOnly', 'supervised'] as const) {
      assert.ok(summary.scores[method]?.macroTenPercent !== undefined, `${method} must have a score with 10 % of the labels`);
    }
    assert.ok(summary.wallSeconds > 0 && summary.samplesPerSecond > 0);
    assert.deepEqual((await readMetrics(run)).map(({ step }) => step), [1, 2, 3]);
    assert.equal(decodeSnapshot(await readFile(join(run, 'checkpoint.safetensors')), 'checkpoint').step, 3);
    const report = await readFile(join(run, 'report.html'), 'utf8');
    for (const part of ['data:image/png', 'Lip corner puller', '<svg', 'Transport plan']) assert.ok(report.includes(part), `the report must hold ${part}`);
    assert.match(stdout, /Adapter: /);
    assert.match(stdout, /3\/3 steps \(100 %\) \| [\d.]+ faces\/s \| took \d+:\d\d \| loss [\d.-]+ \(global [\d.-]+, region /);
    assert.match(stdout, /Mean \(macro F1\)[^]*report\.html/);

    const scored = await zygo(['eval', join('run', 'checkpoint.safetensors'), '--data', 'faces', '--seed', '5', '--json'], { cwd });
    assert.equal(scored.code, 0, scored.stderr);
    const again = runSummarySchema.parse(JSON.parse(scored.stdout));
    assert.deepEqual(again.scores.model, summary.scores.model);
  }));

test('Ctrl-C ends a run with a checkpoint, and --resume goes on in the same folder', () =>
  inFolder(async (cwd) => {
    await writeFaceFolder(join(cwd, 'faces'), noiseFaces(40, 8));
    const run = join(cwd, 'run');
    const { child, ended } = start(['train', '--data', 'faces', '--out', 'run', '--steps', '100000', ...SMALL, ...GLOBAL_ONLY], { cwd });
    await until(async () => (await readMetrics(run)).length > 0, ended);
    child.kill('SIGINT');
    const stopped = await ended;
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /^Stopped\. .*To go on: zygo train --resume run.checkpoint\.safetensors\n$/);
    assert.deepEqual(await everythingIn(run), FILES.slice(0, 3));
    const done = (await readMetrics(run)).length;
    assert.equal(decodeSnapshot(await readFile(join(run, 'checkpoint.safetensors')), 'checkpoint').step, done);

    const steps = done + 2;
    const resumed = await zygo(['train', '--resume', join('run', 'checkpoint.safetensors'), '--steps', String(steps)], { cwd });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(await everythingIn(run), FILES);
    assert.deepEqual((await readMetrics(run)).map(({ step }) => step), Array.from({ length: steps }, (_, index) => index + 1));
    const summary = runSummarySchema.parse(JSON.parse(await readFile(join(run, 'summary.json'), 'utf8')));
    assert.equal(summary.steps, steps);
    assert.deepEqual(Object.keys(summary.scores).sort(), ['alwaysPositive', 'model', 'randomInit'], 'the options of config.json hold on');
  }));

test('a device that is lost on the way ends the run with exit code 1 and names the last checkpoint', () =>
  inFolder(async (cwd) => {
    await writeFaceFolder(join(cwd, 'faces'), noiseFaces(40, 8));
    // Destroys every device that is given work once the file `lost` is there.
    const webgpu = import.meta.resolve('webgpu');
    await writeFile(
      join(cwd, 'lose-device.mjs'),
      `import { existsSync } from 'node:fs';
       import { globals } from ${JSON.stringify(webgpu)};
       const devices = [];
       const { requestDevice } = globals.GPUAdapter.prototype;
       globals.GPUAdapter.prototype.requestDevice = async function (...args) {
         const device = await requestDevice.apply(this, args);
         devices.push(device);
         return device;
       };
       const { submit } = globals.GPUQueue.prototype;
       globals.GPUQueue.prototype.submit = function (...args) {
         if (existsSync('lost')) devices.forEach((device) => device.destroy());
         return submit.apply(this, args);
       };`,
    );
    const run = join(cwd, 'run');
    const args = ['train', '--data', 'faces', '--out', 'run', '--steps', '100000', '--checkpoint-every', '1', ...SMALL, ...GLOBAL_ONLY];
    const { ended } = start(args, { cwd, node: ['--import', join(cwd, 'lose-device.mjs')] });
    await until(() => isThere(join(run, 'checkpoint.safetensors')), ended);
    await writeFile(join(cwd, 'lost'), '');
    const { code, stderr } = await ended;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^The GPU device was lost .*\. The last checkpoint is run.checkpoint\.safetensors\.\n$/);
    assert.doesNotMatch(stderr, /\n\s+at /);
    const { step } = decodeSnapshot(await readFile(join(run, 'checkpoint.safetensors')), 'checkpoint');
    assert.ok(step >= 1);
  }));
