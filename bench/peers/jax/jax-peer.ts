/** jax-js (`@jax-js/jax`): every task is one function under `jit`, gradients come from `vjp` and `valueAndGrad`. */
import { defaultDevice, getWebGPUDevice, init, jit, numpy as np, vjp } from '@jax-js/jax';
import { PeerGap, type AdamwTask, type InferenceTask, type OpTask, type Peer, type PeerRun, type PeerTask } from '../peer.js';
import { JAX_VERSION } from '../versions.js';
import { adam } from './adam.js';
import { disposeAll, finish, launch, readAll, shared, uploadAll, type Arrays } from './arrays.js';
import { JAX_OPS } from './ops.js';
import { inference, prepareStep } from './swin.js';

/** A compiled function of arrays that stay on the device. */
function repeat(arguments_: readonly Arrays[], compiled: { (...given: Arrays[]): Arrays; dispose(): void }): PeerRun {
  let outputs: Arrays | null = null;
  return {
    run() {
      const fresh = compiled(...arguments_.map(shared));
      launch(fresh);
      disposeAll(outputs);
      outputs = fresh;
    },
    finish,
    read: () => readAll(outputs ?? {}),
    destroy() {
      disposeAll(outputs);
      for (const own of arguments_) disposeAll(own);
      compiled.dispose();
    },
  };
}

function prepareOp(task: OpTask): PeerRun {
  const { constants, forward } = JAX_OPS[task.op][task.form](task);
  const inputs = uploadAll(task.inputs);
  if (task.dy === null) {
    const compiled = jit((given: Arrays, fixed: Arrays): Arrays => ({ y: forward(given, fixed) }));
    return repeat([inputs, constants], compiled);
  }
  const { dy } = task;
  const compiled = jit((given: Arrays, fixed: Arrays, { gradient }: Arrays): Arrays => {
    const [y, backward] = vjp((wanted: Arrays) => forward(wanted, fixed), [given]);
    const [gradients] = backward(gradient.reshape(y.shape));
    return { y, ...Object.fromEntries(Object.entries(gradients as Arrays).map(([name, array]) => [`d/d ${name}`, array])) };
  });
  return repeat([inputs, constants, { gradient: np.array(dy) }], compiled);
}

function prepareInference(task: InferenceTask): PeerRun {
  const { given, scores } = inference(task);
  return repeat(given, jit(scores));
}

function prepareAdamw({ params, gradients, m, v, step, settings }: AdamwTask): PeerRun {
  const given = { parameter: np.array(params), m: np.array(m), v: np.array(v) };
  const compiled = jit((state: Arrays, { gradient, at }: Arrays): Arrays => {
    const next = adam({ parameter: state.parameter, m: state.m, v: state.v }, gradient, at, settings);
    return { parameters: next.parameter, m: next.m, v: next.v };
  });
  return repeat([given, { gradient: np.array(gradients), at: np.array(Float32Array.of(step)) }], compiled);
}

/**
 * Loads jax-js on `navigator.gpu`.
 * @throws {PeerGap} when it finds no WebGPU device
 */
export async function loadJax(): Promise<Peer> {
  const devices = await init('webgpu');
  if (!devices.includes('webgpu')) throw new PeerGap('it found no WebGPU device');
  defaultDevice('webgpu');
  return {
    name: 'jax-js',
    version: JAX_VERSION,
    usage: 'each task one function under jit, gradients by vjp and valueAndGrad inside it, arrays on the webgpu device, references counted by hand',
    device: getWebGPUDevice(),
    formsOf: (op) => Object.keys(JAX_OPS[op]),
    async prepare(task: PeerTask) {
      if (task.kind === 'op') return prepareOp(task);
      if (task.kind === 'inference') return prepareInference(task);
      return task.kind === 'adamw' ? prepareAdamw(task) : prepareStep(task);
    },
    // The library has no way to give its device back; it goes with the process or the page.
    destroy() {},
  };
}
