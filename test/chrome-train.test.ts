/** The Train page in headless Chrome: the same losses as in Node, pause and stop, and a plain word where WebGPU is missing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright';
import { alwaysPositive } from '../src/data/metrics/f1.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { decodeSnapshot, type TrainingSnapshot } from '../src/model/checkpoint/training-state.js';
import type { Precision } from '../src/model/precision.js';
import { presetNamed } from '../src/model/presets.js';
import { SelfSupervisedTrainer, type StepMetrics } from '../src/model/trainer.js';
import { makeFaces } from '../src/app/train/faces.js';
import { amountsOf, checkSettings, withChosen, type TrainSettings } from '../src/app/train/settings.js';
import { bundledChromiumRunsHere } from '../src/platform/node/bundled-chromium.js';
import { loadCanonicalMesh } from '../src/platform/node/canonical-mesh.js';
import { launchChrome } from '../src/platform/node/chrome.js';
import { findNodeGpu, type NodeGpu } from '../src/platform/node/gpu.js';
import { downloadFrom, endGpuProcess, openApp, untilState, withPage, type AppInChrome } from './chrome-helpers.js';
import { relativeError } from './helpers.js';

/** Both sides on SwiftShader where it comes with the packages; elsewhere both on the machine's GPU. */
const ADAPTER = bundledChromiumRunsHere() ? 'software' : 'auto';

/**
 * Largest difference of a loss from Node's, relative to it. With the SwiftShader of the packages on both sides it was
 * measured as 0 in every step: the bits are the same. Other pairs (an installed Chrome has its own Dawn and driver)
 * may round the last bit otherwise, which AdamW's first steps, as good as signs of gradients, make larger.
 */
const TOLERANCE = bundledChromiumRunsHere() && !process.env.CHROME_PATH ? 1e-6 : 1e-3;

/** More steps than any test waits for. */
const CHOSEN = { steps: 1000, faces: 64, testFaces: 32, batch: 8 };
const SETTINGS: TrainSettings = checkSettings({ preset: 'tiny', seed: 1, precision: 'f32', ...withChosen(amountsOf('tiny', 'demo'), CHOSEN) });
const QUERY = '?seed=1&steps=1000&faces=64&testFaces=32&batch=8';

let app: AppInChrome;
/** Kept: Dawn ends its threads when nothing refers to it, in the middle of whatever they do. */
let nodeGpu: NodeGpu;

before(async () => {
  app = await openApp({ adapter: ADAPTER });
});

after(() => app.close());

/** The same run in Node up to a step: metrics of each step, the state after the last, and F1 of always saying "present". */
async function trainInNode(precision: Precision, until: number): Promise<{ metrics: StepMetrics[]; snapshot: TrainingSnapshot; positive: number[] }> {
  nodeGpu = await findNodeGpu({ adapter: ADAPTER });
  const engine = await openEngine(nodeGpu.adapter);
  const { batch, steps, seed } = SETTINGS;
  try {
    return await engine.scope(async () => {
      const { training, test: held } = await makeFaces(engine.device, await loadCanonicalMesh(), SETTINGS);
      const trainer = await SelfSupervisedTrainer.create(engine, { preset: presetNamed(SETTINGS.preset), data: training, batch, steps, seed, precision });
      const metrics: StepMetrics[] = [];
      await trainer.train((step) => void metrics.push(step), until);
      const snapshot = await trainer.snapshot();
      trainer.destroy();
      return { metrics, snapshot, positive: alwaysPositive(held.labels, held.actionUnits.length) };
    });
  } finally {
    engine.destroy();
  }
}

async function start(page: Page, query: string): Promise<void> {
  await page.goto(`${app.url}train/${query}`);
  await page.locator('#start:enabled').click();
}

/** Number of steps that the loss chart shows. */
async function shownSteps(page: Page): Promise<number> {
  return Number(await page.locator('#loss').getAttribute('data-points'));
}

async function untilShown(page: Page, steps: number): Promise<void> {
  await page.waitForFunction((least) => Number(document.getElementById('loss')?.dataset.points) >= least, steps);
}

function parseMetrics(bytes: Buffer): StepMetrics[] {
  return bytes
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as StepMetrics);
}

/** Losses and the features' spread of every step. */
function expectSameSteps(metrics: readonly StepMetrics[], expected: readonly StepMetrics[]): void {
  assert.deepEqual(metrics.map(({ step }) => step), expected.map(({ step }) => step));
  for (const [index, wanted] of expected.entries()) {
    const given = metrics[index];
    const expectSame = (values: Readonly<Record<string, number>>, others: Readonly<Record<string, number>>) => {
      assert.deepEqual(Object.keys(values), Object.keys(others));
      for (const [name, value] of Object.entries(values)) {
        const error = Math.abs(value - others[name]) / Math.abs(others[name]);
        assert.ok(error <= TOLERANCE, `step ${index + 1}: ${name} is ${value} in Chrome and ${others[name]} in Node, ${error} apart`);
      }
    };
    expectSame({ loss: given.loss, ...given.terms }, { loss: wanted.loss, ...wanted.terms });
    expectSame({ featureStd: given.collapse.featureStd }, { featureStd: wanted.collapse.featureStd });
  }
}

/** Trains in mixed precision until the device is taken away; gives the metrics of the first two steps. */
async function twoStepsAndLoss(page: Page): Promise<StepMetrics[]> {
  await start(page, `${QUERY}&precision=mixed`);
  await untilShown(page, 2);
  assert.equal(await page.getByText('Loss scale').first().isVisible(), true);
  const given = parseMetrics((await downloadFrom(page, '#save-metrics')).bytes).slice(0, 2);

  await page.locator('#save-checkpoint:enabled').waitFor();
  await endGpuProcess(app.browser);
  await page.locator('#failure').filter({ visible: true }).waitFor();
  assert.match(await page.locator('#failure').innerText(), /The GPU device was lost[^]*The checkpoint of step \d+ is kept/);
  const kept = await downloadFrom(page, '#save-checkpoint');
  assert.ok(decodeSnapshot(kept.bytes, kept.name).step >= 1);
  await page.locator('#start:enabled').waitFor();
  return given;
}

test('two steps in mixed precision have the losses of Node, and show their loss scale; a lost device keeps the checkpoint', () =>
  withPage(
    app.browser,
    async (page) => {
      // Both compile for a while: at the same time.
      const [given, { metrics }] = await Promise.all([twoStepsAndLoss(page), trainInNode('mixed', 2)]);
      assert.deepEqual(metrics.map(({ collapse }) => collapse.overflows), [0, 0], 'losses of steps that are taken are compared');
      expectSameSteps(given, metrics);
      assert.deepEqual(given.map(({ collapse }) => collapse.lossScale), metrics.map(({ collapse }) => collapse.lossScale));
    },
    // Chrome says that its GPU process is gone.
    { clean: false },
  ));

test('a run pauses, goes on and stops early; it gives the losses of Node, a checkpoint, and the F1 table beside its baselines', () =>
  withPage(app.browser, async (page) => {
    await start(page, QUERY);
    await untilState(page, 'running');
    await untilShown(page, 1);
    await page.click('#pause');
    await untilState(page, 'paused');
    const paused = await shownSteps(page);
    assert.equal(await page.locator('#pause').innerText(), 'Resume');
    assert.match(await page.locator('#status').innerText(), new RegExp(`^Paused after step ${paused}\\.$`));
    await page.waitForTimeout(1500);
    assert.equal(await shownSteps(page), paused, 'no step may arrive while it is paused');

    await page.click('#pause');
    await untilShown(page, Math.max(paused + 2, 4));
    await page.click('#stop');
    await page.locator('#scores, #failure').filter({ visible: true }).waitFor();
    assert.equal(await page.locator('#failure').isVisible(), false, await page.locator('#failure').innerText());
    await untilState(page, 'idle');
    const steps = await shownSteps(page);
    assert.ok(steps < SETTINGS.steps);

    const expected = await trainInNode('f32', steps);
    const metricsFile = await downloadFrom(page, '#save-metrics');
    assert.equal(metricsFile.name, 'metrics.jsonl');
    expectSameSteps(parseMetrics(metricsFile.bytes), expected.metrics);

    const checkpoint = await downloadFrom(page, '#save-checkpoint');
    assert.equal(checkpoint.name, 'checkpoint.safetensors');
    const snapshot = decodeSnapshot(checkpoint.bytes, checkpoint.name);
    assert.equal(snapshot.step, steps);
    assert.equal(snapshot.architecture, expected.snapshot.architecture);
    assert.deepEqual([...snapshot.tensors.keys()].sort(), [...expected.snapshot.tensors.keys()].sort());
    // AdamW's updates are about as large as the learning rate whatever the gradient: compare the network, not a moment near 0.
    for (const [name, { data }] of [...snapshot.tensors].filter(([tensor]) => tensor.startsWith('online.'))) {
      const error = relativeError(data as Float32Array, expected.snapshot.tensors.get(name)?.data as Float32Array);
      assert.ok(error <= 10 * TOLERANCE, `${name} of the checkpoint is ${error} away from Node's`);
    }

    const rows = page.locator('#scores tbody tr');
    assert.equal(await rows.count(), expected.positive.length);
    for (const [index, value] of expected.positive.entries()) {
      const cells = await rows.nth(index).locator('td').allInnerTexts();
      const [, model, randomInit, positive] = cells.map(Number);
      assert.equal(positive, Number((100 * value).toFixed(1)));
      for (const f1 of [model, randomInit]) assert.ok(f1 >= 0 && f1 <= 100, `F1 ${f1} must lie in 0 to 100`);
    }
    assert.equal(await page.locator('#faces canvas').count(), 12);
  }));

test('settings that cannot be used are named before anything starts', async () => {
  await withPage(app.browser, async (page) => {
    await start(page, '?steps=0');
    assert.equal(await page.locator('#settings-error').innerText(), 'Steps is 0: expected a whole number from 1 to 1000000.');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'amount-steps');
    await page.fill('#amount-steps', '');
    await page.click('#start');
    assert.match(await page.locator('#settings-error').innerText(), /^Steps is no number/);
    assert.notEqual(await page.locator('html').getAttribute('data-state'), 'running');
  });
});

test('a browser without WebGPU is told how to get it', async () => {
  const expectPanel = async (page: Page, reason: RegExp) => {
    await page.goto(`${app.url}train/`);
    await page.locator('#unsupported').filter({ visible: true }).waitFor();
    assert.equal(await page.locator('#workbench').isVisible(), false);
    const text = await page.locator('#unsupported').innerText();
    assert.match(text, reason);
    assert.match(text, /chrome:\/\/flags\/#enable-unsafe-webgpu/);
    assert.match(text, /chrome:\/\/gpu/);
  };
  await withPage(app.browser, async (page) => {
    await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
    await expectPanel(page, /has no WebGPU, or has it switched off/);
  });
  const { browser } = await launchChrome({ webgpu: false });
  try {
    // Chrome itself warns in the console that it found no adapter.
    await withPage(browser, (page) => expectPanel(page, /found no GPU that it may use|has no WebGPU, or has it switched off/), { clean: false });
  } finally {
    await browser.close();
  }
});
