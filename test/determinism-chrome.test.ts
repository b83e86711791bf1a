/** The same bits in Chrome: in one renderer process, and in two others with a checkpoint between them. */
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
import { CHECKPOINT, decodeResult, STEPS, type RunResult } from './determinism-run.js';

const ENTRY = fileURLToPath(new URL('./determinism-page.js', import.meta.url));

test(`${STEPS} steps, and the same interrupted at step ${CHECKPOINT} and resumed in a new Chrome, give the same bits`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-determinism-'));
  await build({ entryPoints: [ENTRY], bundle: true, format: 'esm', platform: 'browser', outfile: join(folder, 'page.js'), logLevel: 'warning' });
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>determinism</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>');
  const server = await startAppServer({ folder, port: 0 });
  try {
    /** A run in a Chrome that is started for it and closed after it. */
    const inChrome = async (until: number, checkpoint?: Uint8Array): Promise<RunResult> => {
      const { browser } = await launchChrome({ adapter: bundledChromiumRunsHere() ? 'software' : 'auto' });
      let text = '';
      try {
        await withPage(browser, async (page) => {
          await page.goto(`${server.url}index.html`);
          await page.waitForFunction(() => 'zygoRun' in globalThis);
          text = await page.evaluate((options) => (globalThis as unknown as DeterminismPage).zygoRun(options), {
            until,
            ...(checkpoint ? { checkpoint: Array.from(checkpoint) } : {}),
          });
        });
      } finally {
        await browser.close();
      }
      return decodeResult(text);
    };
    const straight = await inChrome(STEPS);
    assert.equal(straight.metrics.length, STEPS);
    // Every step is done again in another Chrome, so that this shows both that it repeats and that a checkpoint holds all.
    const half = await inChrome(CHECKPOINT);
    const rest = await inChrome(STEPS, half.checkpoint);
    assert.equal(rest.metrics.length, STEPS - CHECKPOINT);
    expectSameBits({ metrics: [...half.metrics, ...rest.metrics], checkpoint: rest.checkpoint }, straight, 'the resumed run');
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
});
