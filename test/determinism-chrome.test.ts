/** The same bits in Chrome: in one, and in another with a checkpoint between them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { startAppServer } from '../src/platform/node/app-server.js';
import { bundledChromiumRunsHere } from '../src/platform/node/bundled-chromium.js';
import { launchChrome } from '../src/platform/node/chrome.js';
import { withPage } from './chrome-helpers.js';
import { expectSameBits } from './determinism-compare.js';
import type { DeterminismPage } from './determinism-page.js';
import { CHECKPOINT, decodeResults, STEPS, type RunResult } from './determinism-run.js';

const ENTRY = fileURLToPath(new URL('./determinism-page.js', import.meta.url));

test(`${STEPS} steps, and the same resumed at step ${CHECKPOINT} and begun again in a new Chrome, give the same bits`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-determinism-'));
  await build({ entryPoints: [ENTRY], bundle: true, format: 'esm', platform: 'browser', outfile: join(folder, 'page.js'), logLevel: 'warning' });
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>determinism</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>');
  const server = await startAppServer({ folder, port: 0 });
  try {
    /** Runs in a Chrome that is started for them and closed after them. */
    const inChrome = async (...runs: Parameters<DeterminismPage['zygoRuns']>[0]): Promise<RunResult[]> => {
      const { browser } = await launchChrome({ adapter: bundledChromiumRunsHere() ? 'software' : 'auto' });
      let text = '';
      try {
        await withPage(browser, async (page) => {
          await page.goto(`${server.url}index.html`);
          await page.waitForFunction(() => 'zygoRuns' in globalThis);
          text = await page.evaluate((all) => (globalThis as unknown as DeterminismPage).zygoRuns(all), runs);
        });
      } finally {
        await browser.close();
      }
      return decodeResults(text);
    };
    const [straight] = await inChrome({ halfway: true });
    const { metrics, halfway } = straight;
    assert.ok(halfway && metrics.length === STEPS);
    // Every step is done again in another Chrome, so that this shows both that it repeats and that a checkpoint holds all.
    const [rest, half] = await inChrome({ checkpoint: Array.from(halfway) }, { until: CHECKPOINT });
    assert.equal(rest.metrics.length, STEPS - CHECKPOINT);
    expectSameBits({ ...rest, metrics: [...metrics.slice(0, CHECKPOINT), ...rest.metrics] }, straight, 'the resumed run');
    expectSameBits(half, { metrics: metrics.slice(0, CHECKPOINT), checkpoint: halfway }, 'the run begun again');
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
});
