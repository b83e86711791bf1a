/** TensorFlow.js on its WebGPU backend: eager ops under `tidy`, fused where it has fused ones, gradients by `valueAndGrads`. */
import { PeerGap, type OpTask, type Peer, type PeerRun, type PeerTask } from '../peer.js';
import { tf, WebGPUBackend } from './library.js';
import { TF_OPS, type Tensors } from './ops.js';
import { finishOn } from './queue.js';
import { prepareInference, prepareStep } from './swin.js';

function prepareOp(backend: WebGPUBackend, task: OpTask): PeerRun {
  const { constants, forward } = TF_OPS[task.op][task.form](task);
  const names = Object.keys(task.inputs);
  const inputs: Tensors = Object.fromEntries(names.map((name) => [name, tf.tensor(task.inputs[name].data, [...task.inputs[name].shape])]));
  const named = (tensors: readonly Tensors[string][]): Tensors => Object.fromEntries(names.map((name, at) => [name, tensors[at]]));
  const both = tf.valueAndGrads((...given) => forward(named(given), constants));
  let gradient: Tensors[string] | null = null;
  let outputs: Tensors | null = null;
  const compute = (): Tensors => {
    if (task.dy === null) return { y: forward(inputs, constants) };
    // The shape of y is known once it was computed.
    gradient ??= tf.keep(tf.tensor(task.dy, forward(inputs, constants).shape));
    const { value, grads } = both(Object.values(inputs), gradient);
    return { y: value, ...Object.fromEntries(names.map((name, at) => [`d/d ${name}`, grads[at]])) };
  };
  return {
    run() {
      const fresh = tf.tidy(compute);
      if (outputs) tf.dispose(outputs);
      outputs = fresh;
    },
    finish: () => finishOn(backend),
    async read() {
      const entries = Object.entries(outputs ?? {}).map(async ([name, tensor]): Promise<[string, ArrayLike<number>]> => [name, await tensor.data()]);
      return Object.fromEntries(await Promise.all(entries));
    },
    destroy() {
      if (outputs) tf.dispose(outputs);
      tf.dispose([inputs, constants]);
      gradient?.dispose();
    },
  };
}

/**
 * Loads TensorFlow.js on `navigator.gpu`.
 * @throws {PeerGap} when it finds no WebGPU device
 */
export async function loadTfjs(): Promise<Peer> {
  if (!(await tf.setBackend('webgpu'))) throw new PeerGap('it found no WebGPU device');
  await tf.ready();
  const backend = tf.backend();
  if (!(backend instanceof WebGPUBackend)) throw new PeerGap(`its backend is "${tf.getBackend()}" in place of "webgpu"`);
  return {
    name: 'tfjs',
    version: tf.version_core,
    usage: 'webgpu backend, eager ops under tidy, tf.fused.matMul with bias, gradients by valueAndGrads, tf.train.adam for the training step',
    device: backend.device,
    formsOf: (op) => Object.keys(TF_OPS[op]),
    async prepare(task: PeerTask) {
      if (task.kind === 'op') return prepareOp(backend, task);
      if (task.kind === 'adamw') throw new PeerGap('its Adam has no weight decay');
      return task.kind === 'inference' ? prepareInference(backend, task) : prepareStep(backend, task);
    },
    // Removing the backend destroys the device while buffers of variables may be alive; it goes with the process or the page.
    destroy() {},
  };
}
