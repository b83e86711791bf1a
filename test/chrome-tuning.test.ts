/** Tuning on the Train page in headless Chrome: measured, cancelled, kept in IndexedDB, used, and taken away. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright';
import { bundledChromiumRunsHere } from '../src/platform/node/bundled-chromium.js';
import { openApp, untilState, withPage, type AppInChrome } from './chrome-helpers.js';

let app: AppInChrome;

before(async () => {
  app = await openApp({ adapter: bundledChromiumRunsHere() ? 'software' : 'auto' });
});

after(() => app.close());

const QUERY = 'train/?seed=1&steps=1&faces=32&testFaces=32&batch=4';

async function untilText(page: Page, pattern: RegExp): Promise<string> {
  await page.waitForFunction((source) => new RegExp(source).test(document.getElementById('tuning-text')?.textContent ?? ''), pattern.source, { timeout: 120_000 });
  return page.locator('#tuning-text').innerText();
}

test('kernels are measured until cancelled, kept over a reload, used by a training, and cleared', async () => {
  await withPage(app.browser, async (page) => {
    await page.goto(`${app.url}${QUERY}`);
    await untilText(page, /^Not measured on this GPU/);
    assert.equal(await page.locator('#tune-clear').isVisible(), false);
    await page.locator('#tune:enabled').click();
    await untilState(page, 'tuning');
    assert.equal(await page.locator('#start').isEnabled(), false, 'no training may begin meanwhile');
    await untilText(page, /^Measuring kernels: [2-9]/);
    await page.click('#tune');
    await untilState(page, 'idle');
    const measured = await untilText(page, / choices measured on /);
    assert.ok(Number(measured.split(' ')[0]) >= 2, measured);

    await page.reload();
    assert.equal(await untilText(page, / choices measured on /), measured, 'another Worker must find what was stored');
    assert.equal(await page.locator('#tune').innerText(), 'Tune the rest');
    await page.locator('#start:enabled').click();
    await page.locator('#scores, #failure').filter({ visible: true }).waitFor();
    assert.equal(await page.locator('#failure').isVisible(), false);
    await untilState(page, 'idle');

    await page.locator('#tune-clear:enabled').click();
    await untilText(page, /^Not measured on this GPU/);
    await page.reload();
    await untilText(page, /^Not measured on this GPU/);
  });
});
