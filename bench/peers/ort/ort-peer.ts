/** onnxruntime-web's WebGPU backend as a peer: forward passes, in Chrome. */
import { opModel } from '../onnx/op-models.js';
import { swinModel } from '../onnx/swin.js';
import { AS_DOCUMENTED, PeerGap, SCALING, type Peer, type PeerRun, type PeerTask } from '../peer.js';
import { WASM_PATH } from './wasm-path.js';

/** What the library's kernels have variants for. */
const FEATURES: readonly string[] = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix', 'timestamp-query'];

/** A device on the adapter that Zygo uses: the library's own choice may be another one. */
async function openDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('the browser gives no WebGPU adapter');
  const requiredLimits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') requiredLimits[name] = value;
  }
  return adapter.requestDevice({ requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[], requiredLimits });
}

type OpenSession = typeof import('./session.js').SessionRun.open;

async function prepare(task: PeerTask, device: GPUDevice, open: OpenSession): Promise<PeerRun> {
  if (task.kind === 'inference') {
    const { network, image, parameters } = task;
    const [batch, size] = image.shape;
    return open(swinModel(network, parameters, batch, size), { image }, [batch, network.numClasses], device);
  }
  if (task.kind !== 'op' || task.dy !== null) throw new PeerGap('it has no gradients and no optimisers');
  const { bytes, fed, shape } = opModel(task);
  return open(bytes, Object.fromEntries(fed.map((name) => [name, task.inputs[name]])), shape, device);
}

/**
 * Loads the library.
 * @throws {Error} outside of a browser, or where there is no adapter
 */
export async function loadOrt(): Promise<Peer> {
  const { location } = globalThis as { readonly location?: Location };
  if (!location) throw new Error('its WebGPU backend is for browsers: --chrome measures it');
  // Only now: what is made for browsers need not be readable for Node.
  const [ort, { SessionRun }] = await Promise.all([import('onnxruntime-web/webgpu'), import('./session.js')]);
  ort.env.wasm.wasmPaths = { wasm: new URL(WASM_PATH, location.href).href };
  // All work is on the GPU: threads of its own would only take the driver's cores.
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const device = await openDevice();
  return {
    name: 'onnxruntime-web',
    version: ort.env.versions.web ?? ort.env.versions.common,
    usage: 'ONNX models with weights as initialisers, inputs and outputs in GPU buffers, graph capture where the replay gives the same bits',
    device,
    formsOf: (op) => [op === 'sinkhorn' ? SCALING : AS_DOCUMENTED],
    prepare: (task) => prepare(task, device, (...given) => SessionRun.open(...given)),
    destroy: () => device.destroy(),
  };
}
