/** The Train page's Worker: finds the adapter at once, and runs one session when it is told to start. */
import { openEngine } from '../../kernels/open-engine.js';
import { adapterName, isSoftwareAdapter } from '../../engine/index.js';
import { loadCanonicalMesh } from '../../platform/browser/canonical-mesh.js';
import { findBrowserAdapter } from '../../platform/browser/gpu.js';
import { Control } from './control.js';
import { describeFailure } from './failure.js';
import type { Order, Report } from './protocol.js';
import { runSession } from './session.js';
import { checkSettings, type TrainSettings } from './settings.js';

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

async function run(settings: TrainSettings): Promise<void> {
  const adapter = await adapterFound;
  if (!adapter) return;
  checkSettings(settings);
  const [engine, mesh] = await Promise.all([openEngine(adapter), loadCanonicalMesh(new URL('/mesh/', worker.location.href))]);
  try {
    await runSession(engine, mesh, settings, control, report);
  } finally {
    engine.destroy();
  }
  report({ kind: 'ended' });
}

adapterFound.catch(fail);

worker.addEventListener('message', ({ data: order }: MessageEvent<Order>) => {
  if (order.kind === 'start') run(order.settings).catch(fail);
  else control[order.kind]();
});
