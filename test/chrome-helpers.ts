/** What the tests in Chrome need: the built app on a server, a browser, and pages that must stay free of errors. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright';
import { startAppServer } from '../src/platform/node/app-server.js';
import { launchChrome, type ChromeOptions } from '../src/platform/node/chrome.js';

/** The package's folder, seen from dist/test. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface AppInChrome {
  readonly browser: Browser;
  /** Address of the app, with a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** Builds the app into a folder of its own, serves it on a free port and starts headless Chrome. */
export async function openApp(options: ChromeOptions): Promise<AppInChrome> {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-app-'));
  const { buildApp } = (await import(pathToFileURL(join(ROOT, 'scripts', 'build-app.mjs')).href)) as { buildApp(folder: string): Promise<string> };
  const server = await startAppServer({ folder: await buildApp(folder), port: 0 });
  const closeServer = async () => {
    await server.close();
    await rm(folder, { recursive: true });
  };
  try {
    const { browser } = await launchChrome(options);
    return {
      browser,
      url: server.url,
      close: async () => {
        await browser.close();
        await closeServer();
      },
    };
  } catch (error) {
    await closeServer();
    throw error;
  }
}

/**
 * Runs `body` on a new page and checks afterwards that nothing was thrown uncaught, and (unless `clean` is false)
 * that the console has no warning and no error.
 */
export async function withPage(browser: Browser, body: (page: Page) => Promise<void>, { clean = true } = {}): Promise<void> {
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (clean && (message.type() === 'error' || message.type() === 'warning')) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  try {
    await body(page);
    assert.deepEqual(complaints, [], 'the console must stay clean');
  } finally {
    await context.close();
  }
}

/** Clicks a download button and gives the file's name and bytes. */
export async function downloadFrom(page: Page, selector: string): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(selector)]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** Waits until the page is in one of these states (`data-state` of its root). */
export async function untilState(page: Page, ...states: readonly string[]): Promise<void> {
  await page.locator(states.map((state) => `html[data-state="${state}"]`).join(', ')).waitFor({ state: 'attached' });
}

/** Ends the browser's own GPU process, as a crashing graphics driver would. */
export async function endGpuProcess(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const gpu = processInfo.find(({ type }) => type === 'GPU');
  assert.ok(gpu, 'Chrome must have a GPU process');
  process.kill(gpu.id);
}
