/**
 * Same seed, same adapter: the same bits, also through a checkpoint into another process.
 *
 * What makes it so, and what watches over each part:
 * - no kernel uses atomics, and every sum has a fixed order: determinism-order.test.ts;
 * - no kernel races: races*.test.ts;
 * - random numbers depend on seed, step and place alone, and batches on seed and step: this file, by repeating runs and
 *   by going on from a checkpoint.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { differences, expectSameBits } from './determinism-compare.js';
import { runOn, withShaders } from './determinism-engine.js';
import { CHECKPOINT, decodeResult, STEPS, trainingRun, type RunResult } from './determinism-run.js';

const run = promisify(execFile);
const PROCESS = fileURLToPath(new URL('./determinism-process.js', import.meta.url));

let straight: Promise<RunResult> | null = null;
/** The run of 50 steps in this process, made once. */
const straightRun = () => (straight ??= runOn({}));

test(`${STEPS} steps twice, each on a new device, give the same bits`, async () => {
  const first = await straightRun();
  assert.equal(first.metrics.length, STEPS);
  assert.deepEqual(Object.keys(first.metrics[0].terms), ['global', 'region', 'contrast', 'relation'], 'all losses must be on');
  expectSameBits(first, await runOn({}), 'the second run');
});

test(`a checkpoint at step ${CHECKPOINT}, taken up by a new process, gives the bits of the run that never stopped`, async () => {
  const expected = await straightRun();
  const folder = await mkdtemp(join(tmpdir(), 'zygo-determinism-'));
  try {
    const inProcess = async (...args: string[]) => {
      const result = join(folder, 'result.json');
      await run(process.execPath, [PROCESS, result, ...args]);
      return decodeResult(await readFile(result, 'utf8'));
    };
    const half = await inProcess(String(CHECKPOINT));
    const checkpoint = join(folder, 'checkpoint.safetensors');
    await writeFile(checkpoint, half.checkpoint);
    const rest = await inProcess(String(STEPS), checkpoint);
    assert.equal(rest.metrics.length, STEPS - CHECKPOINT, 'the second process must have done the second half only');
    expectSameBits({ metrics: [...half.metrics, ...rest.metrics], checkpoint: rest.checkpoint }, expected, 'the resumed run');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the comparison sees another seed, and one bit of one number', async () => {
  const [run, again, other] = await withShaders({}, async (engine) => {
    const results: RunResult[] = [];
    for (const seed of [3, 3, 4]) results.push(await trainingRun(engine, { until: 2, seed }));
    return results;
  });
  expectSameBits(run, again, 'the second run on one device');
  assert.notEqual(differences(run, other).length, 0, 'another seed must give other bits');

  const flipped = run.checkpoint.slice();
  flipped[flipped.length - 4] ^= 1; // the last bit of the last float
  assert.deepEqual(differences(run, { ...run, checkpoint: flipped }).length, 1);
  const [first, ...others] = run.metrics;
  const nudged = { ...first, collapse: { ...first.collapse, gradientNorm: first.collapse.gradientNorm * (1 + 2 ** -52) } };
  assert.deepEqual(differences(run, { ...run, metrics: [nudged, ...others] }), ['metrics of step 1']);
});
