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
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { differences, expectSameBits } from './determinism-compare.js';
import { CHECKPOINT, decodeResults, STEPS, trainingRun, type RunResult } from './determinism-run.js';
import { sharedEngine } from './helpers.js';

const run = promisify(execFile);
const PROCESS = fileURLToPath(new URL('./determinism-process.js', import.meta.url));

// One device for all runs in this process: their kernels are compiled once.
const engine = await sharedEngine();
/** The run of 50 steps in this process, with a checkpoint taken on the way. */
let straight: RunResult;
/** In a new process: the second half from that checkpoint, and all 50 steps. */
let resumed: RunResult;
let again: RunResult;

before(async () => {
  straight = await trainingRun(engine, { halfway: true });
  const folder = await mkdtemp(join(tmpdir(), 'zygo-determinism-'));
  try {
    const [results, checkpoint] = [join(folder, 'results.json'), join(folder, 'checkpoint.safetensors')];
    await writeFile(checkpoint, straight.halfway as Uint8Array);
    await run(process.execPath, [PROCESS, results, checkpoint]);
    [resumed, again] = decodeResults(await readFile(results, 'utf8'));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test(`${STEPS} steps twice, each on a new device, give the same bits`, () => {
  assert.equal(straight.metrics.length, STEPS);
  assert.deepEqual(Object.keys(straight.metrics[0].terms), ['global', 'region', 'contrast', 'relation'], 'all losses must be on');
  expectSameBits(straight, again, 'the second run');
});

test(`a checkpoint at step ${CHECKPOINT}, taken up by a new process, gives the bits of the run that never stopped`, () => {
  assert.equal(resumed.metrics.length, STEPS - CHECKPOINT, 'the new process must have done the second half only');
  expectSameBits({ ...resumed, metrics: [...straight.metrics.slice(0, CHECKPOINT), ...resumed.metrics] }, straight, 'the resumed run');
});

test('the comparison sees another seed, and one bit of one number', async () => {
  const results: RunResult[] = [];
  for (const seed of [3, 3, 4]) results.push(await trainingRun(engine, { until: 2, seed }));
  const [run, same, other] = results;
  expectSameBits(run, same, 'the second run on one device');
  assert.notEqual(differences(run, other).length, 0, 'another seed must give other bits');

  const flipped = run.checkpoint.slice();
  flipped[flipped.length - 4] ^= 1; // the last bit of the last float
  assert.deepEqual(differences(run, { ...run, checkpoint: flipped }).length, 1);
  const [first, ...others] = run.metrics;
  const nudged = { ...first, collapse: { ...first.collapse, gradientNorm: first.collapse.gradientNorm * (1 + 2 ** -52) } };
  assert.deepEqual(differences(run, { ...run, metrics: [nudged, ...others] }), ['metrics of step 1']);
});
