/** `npm run bench -- --chrome`: real rows in a result file, and what was measured is kept when device or browser go. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RunRequest } from '../bench/harness/options.js';
import { ResultCollector, type RunEvent } from '../bench/harness/result.js';
import { parseResult, resultSchema } from '../bench/harness/schema.js';
import { openChromeHost, type ChromeHost } from '../bench/node/chrome-host.js';
import { DeviceError } from '../src/engine/errors.js';
import { bundledChromiumRunsHere } from '../src/platform/node/bundled-chromium.js';
import { endGpuProcess } from './chrome-helpers.js';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'bench', 'main.js');
const ADAPTER = bundledChromiumRunsHere() ? 'software' : 'auto';
/** Two small groups, forward and backward. */
const FILTER = 'layerNorm';
const REQUEST: RunRequest = { suite: 'quick', filter: FILTER, tuned: false, samples: 3, seconds: 0.3, flushMib: 0, runLimit: 2, peers: [] };

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zygo-bench-chrome-'));
});

after(() => rm(folder, { recursive: true, force: true }));

/** Runs the command in the folder. */
function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, '--chrome', '--adapter', ADAPTER, ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('a small run gives checked rows, and a file that names Chrome, its switches and its fine clock', async () => {
  const toggle = '--enable-webgpu-developer-features';
  const { status, stdout, stderr } = bench('--filter', FILTER, '--seconds', '0.3', '--samples', '3', '--flush-mib', '0', '--json', 'chrome.json', `--chrome-switch=${toggle}`);
  assert.equal(status, 0, stderr);
  const result = parseResult(await readFile(join(folder, 'chrome.json'), 'utf8'), 'chrome.json');
  const { environment, timer, rows, peaks } = result;
  assert.match(environment.runtime, /^Chrome \d+\.\d+\.\d+\.\d+ \((bundled|installed|Playwright|CHROME_PATH), headless\)$/);
  assert.equal(environment.dawn, null);
  assert.ok(environment.flags.includes(toggle), environment.flags.join(' '));
  assert.ok(timer.clock < 50e-6, `the clock of an isolated page steps by 5 µs, not by ${timer.clock} s`);
  assert.ok(peaks.copy && peaks.fma, 'both peaks must be measured');
  assert.deepEqual(rows.map(({ op, pass }) => `${op} ${pass}`), ['layerNorm forward', 'layerNorm backward']);
  for (const { check, dispatches, firstRun, id } of rows) {
    assert.ok(check && check.error !== null && check.error > 0 && check.error <= check.tolerance, `${id}: error ${check?.error}`);
    assert.ok(dispatches >= 1 && firstRun !== null && firstRun > 0, id);
  }
  assert.match(stdout, /Chrome \d+[^\n]*flags [^\n]*--enable-webgpu-developer-features/);
  assert.match(stdout, /\n1\/2 layerNorm .*, forward( \(software adapter\))?\n/);
});

test('other libraries run in Chrome too: each row is right, and its library is named with its version', async () => {
  const { status, stderr } = bench('--suite', 'peers', '--filter', 'layerNorm [4096, 32]', '--seconds', '0.3', '--samples', '3', '--flush-mib', '0', '--json', 'peers.json');
  assert.equal(status, 0, stderr);
  const { rows, peers } = parseResult(await readFile(join(folder, 'peers.json'), 'utf8'), 'peers.json');
  assert.deepEqual(rows.map(({ implementation }) => implementation).sort(), ['jax-js', 'onnxruntime-web', 'tfjs', 'zygo']);
  for (const { check, firstRun, id } of rows) {
    assert.ok(check && check.error !== null && check.error > 0 && check.error <= check.tolerance, `${id}: error ${check?.error}`);
    assert.ok(firstRun !== null && firstRun > 0, id);
  }
  for (const { name, version, note } of peers) assert.match(version ?? note, /^\d+\.\d+\.\d+$/, name);
});

test('a filter that fits nothing ends with 2 and one sentence, as in Node', () => {
  const { status, stderr } = bench('--filter', 'no such kernel');
  assert.equal(status, 2, stderr);
  assert.match(stderr, /^--filter "no such kernel" is in no group of this suite: expected [^\n]*\n$/);
});

/** A run in a Chrome of its own; `react` hears every event first. */
async function runWith(react: (event: RunEvent, host: ChromeHost) => Promise<void> | void, signal = new AbortController().signal, request = REQUEST) {
  const host = await openChromeHost({ adapter: ADAPTER, robustness: true, switches: [] });
  const collector = new ResultCollector();
  let failure: unknown = null;
  const reactions: Promise<void>[] = [];
  try {
    await host.run(
      request,
      (event) => {
        collector.add(event);
        reactions.push(Promise.resolve(react(event, host)));
      },
      signal,
    );
  } catch (error) {
    failure = error;
  } finally {
    await host.close();
  }
  await Promise.all(reactions);
  return { collector, failure };
}

test('a lost device costs one group, a new one calibrates the canary, a closed browser costs the rest, and all is in the result', async () => {
  const request = { ...REQUEST, filter: `${FILTER}|regionPool` };
  const { collector, failure } = await runWith(async (event, { browser }) => {
    if (event.kind === 'begin') await endGpuProcess(browser);
    if (event.kind === 'band') await browser.close();
  }, undefined, request);
  assert.ok(failure instanceof DeviceError);
  assert.match(failure.message, /^Chrome, or its page, was closed while the benchmark ran in it\.$/);
  const result = collector.result(1, 'Chrome was closed');
  assert.ok(resultSchema.safeParse(result).success);
  const skipped = result?.skipped.map(({ what, why }) => `${what.split(/[, ]/)[0]} ${what.split(' ').at(-1)}: ${why.replace(/\(.*/, '')}`);
  assert.deepEqual([skipped?.at(0), skipped?.at(-1)], ['layerNorm forward: the device failed: The GPU device was lost ', 'regionPool backward: not measured: Chrome was closed']);
  const [band] = result?.canary.renewed ?? [];
  assert.deepEqual([band.newDevice, band.group], [true, 'layerNorm [4096, 32], backward']);
  assert.ok(band.baseline > 0 && band.baseline !== result?.canary.baseline);
});

test('an interrupted run ends at once and keeps what it has', async () => {
  const interrupt = new AbortController();
  const { collector, failure } = await runWith((event) => {
    if (event.kind === 'group') interrupt.abort();
  }, interrupt.signal);
  assert.equal(failure, null);
  assert.deepEqual(collector.progress, { done: 1, of: 2 });
  assert.equal(collector.result(1, 'interrupted')?.rows.length, 1);
});
