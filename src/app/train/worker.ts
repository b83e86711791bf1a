/** The Train page's Worker: finds the adapter at once, and runs one session when it is told to start. */
import { openEngine } from '../../kernels/open-engine.js';
import { adapterName, DeviceError, isSoftwareAdapter, type Engine } from '../../engine/index.js';
import { loadCanonicalMesh } from '../../platform/browser/canonical-mesh.js';
import { findBrowserAdapter } from '../../platform/browser/gpu.js';
import { Control } from './control.js';
import { describeFailure } from './failure.js';
import type { Order, Report } from './protocol.js';
import { runSession } from './session.js';
import { checkSettings, type TrainSettings } from './settings.js';
import { clearStored, storedSummary, tune, useStored } from './tuning.js';

const worker = self as unknown as DedicatedWorkerGlobalScope;
const control = new Control();

function report(message: Report): void {
  // Large arrays change hands instead of being copied; nobody here needs them any more.
  const transfer =
    message.kind === 'checkpoint' ? [message.bytes.buffer] : message.kind === 'faces' ? [message.sample.images.buffer, message.sample.maps.buffer] : [];
  worker.postMessage(message, transfer as Transferable[]);
}

function fail(error: unknown): void {
  console.info(error);
  report({ kind: 'failed', ...describeFailure(error) });
}

async function findAdapter(): Promise<GPUAdapter | null> {
  const found = await findBrowserAdapter();
  if ('problem' in found) {
    report({ kind: 'unsupported', problem: found.problem });
    return null;
  }
  const { vendor, architecture, device, description } = found.adapter.info;
  const software = isSoftwareAdapter(found.adapter);
  // The badge on the page says that it is software.
  report({ kind: 'adapter', name: adapterName({ vendor, architecture, device, description, software: false }), software });
  return found.adapter;
}

const adapterFound = findAdapter();

/** A new engine: an adapter gives one device only, so it is asked for anew. */
async function openAnother(): Promise<Engine> {
  const found = await findBrowserAdapter();
  if ('problem' in found) throw new DeviceError('The browser gives no GPU any more.');
  return openEngine(found.adapter);
}

/** Does something with a short-lived engine: the stored choices depend on what a device offers. */
async function withEngine<T>(body: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await openAnother();
  try {
    return await body(engine);
  } finally {
    engine.destroy();
  }
}

async function tellStored(): Promise<void> {
  if (await adapterFound) report({ kind: 'tuned', summary: await withEngine(storedSummary) });
}

let tuning = new AbortController();

async function measure(settings: TrainSettings): Promise<void> {
  if (!(await adapterFound)) return;
  checkSettings(settings);
  tuning = new AbortController();
  const summary = await tune(openAnother, settings, (done, total) => report({ kind: 'tuning', done, total }), tuning.signal);
  report({ kind: 'tuned', summary });
  report({ kind: 'tuningEnded' });
}

async function clearTuned(): Promise<void> {
  await withEngine(clearStored);
  report({ kind: 'tuned', summary: null });
}

async function run(settings: TrainSettings): Promise<void> {
  const adapter = await adapterFound;
  if (!adapter) return;
  checkSettings(settings);
  const [engine, mesh] = await Promise.all([openEngine(adapter), loadCanonicalMesh(new URL('/mesh/', worker.location.href))]);
  try {
    await useStored(engine);
    await runSession(engine, mesh, settings, control, report);
  } finally {
    engine.destroy();
  }
  report({ kind: 'ended' });
}

adapterFound.catch(fail);
// A run without stored choices is a run: the console is enough.
tellStored().catch((error: unknown) => console.info(error));

worker.addEventListener('message', ({ data: order }: MessageEvent<Order>) => {
  if (order.kind === 'start') run(order.settings).catch(fail);
  else if (order.kind === 'tune') measure(order.settings).catch(fail);
  else if (order.kind === 'cancelTune') tuning.abort();
  else if (order.kind === 'clearTuned') clearTuned().catch(fail);
  else control[order.kind]();
});
