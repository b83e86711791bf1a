/** The Worker that owns the device: carries out one order and tells what it finds. */
import { DeviceError, InputError } from '../../src/engine/index.js';
import { openEngine } from '../../src/kernels/open-engine.js';
import { findBrowserAdapter } from '../../src/platform/browser/gpu.js';
import { deviceFacts } from '../../src/verify/device-facts.js';
import { loadPeers } from '../peers/load.js';
import { listGroups, runSuite, type RunPlace } from '../harness/run.js';
import { shaderSources } from '../shaders.generated.js';
import type { HostEnvironment, Order, Report } from './protocol.js';

const worker = self as unknown as DedicatedWorkerGlobalScope;
const report = (message: Report): void => worker.postMessage(message);

/** There is no adapter; the report has been told why. */
class Unsupported extends Error {}

/** An adapter gives one device only: each engine asks for an adapter of its own. */
async function open() {
  const found = await findBrowserAdapter();
  if ('adapter' in found) return openEngine(found.adapter, shaderSources);
  report({ kind: 'unsupported', problem: found.problem });
  throw new Unsupported(`this browser gives no WebGPU adapter: ${found.problem}`);
}

function placeOf(host: HostEnvironment): RunPlace {
  return {
    open,
    loadPeers,
    now: () => performance.now() / 1000,
    environment(engine) {
      const { features, limits, ...facts } = deviceFacts(engine);
      return { ...host, dawn: null, ...facts, features: [...features], limits: { ...limits } };
    },
  };
}

const NO_HOST: HostEnvironment = { zygo: '', commit: null, date: '', system: '', runtime: '', flags: [] };

async function carryOut(order: Order): Promise<void> {
  if (order.kind === 'run') await runSuite(placeOf(order.host), order.request, report);
  else report({ kind: 'names', names: await listGroups(placeOf(NO_HOST), order.request) });
  report({ kind: 'done' });
}

worker.addEventListener('message', ({ data }: MessageEvent<Order>) => {
  carryOut(data).catch((error: unknown) => {
    if (error instanceof Unsupported) return;
    const failure = error instanceof InputError ? 'input' : error instanceof DeviceError ? 'device' : 'unexpected';
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    report({ kind: 'failed', failure, message, stack });
  });
});
