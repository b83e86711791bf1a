/** The Swin classifier of src/model/classifier in jax-js: its class scores, and its training step. */
import { jit, nn, numpy as np, tree, valueAndGrad, type Array as JaxArray } from '@jax-js/jax';
import type { InferenceTask, PeerRun, StepTask } from '../peer.js';
import { blocksOf, type Block } from '../swin-plan.js';
import { adam } from './adam.js';
import { finish, launch, shared, upload, uploadAll, type Arrays } from './arrays.js';
import { COMPOSED } from './attention.js';
import { affine, layerNorm } from './ops.js';

/** Reads parameters by name; each may be read once, since reading gives it away. */
type Read = (name: string) => JaxArray;

function norm(x: JaxArray, read: Read, name: string): JaxArray {
  return layerNorm(x, read(`${name}.weight`), read(`${name}.bias`));
}

function linear(x: JaxArray, read: Read, name: string): JaxArray {
  return affine(x, read(`${name}.weight`), read(`${name}.bias`));
}

function swinBlock(x: JaxArray, read: Read, block: Block, constants: Arrays): JaxArray {
  const { name } = block;
  const qkv = linear(norm(x.ref, read, `${name}.norm1`), read, `${name}.attn.qkv`);
  const attended = COMPOSED.attend(qkv, read(`${name}.attn.relative_position_bias_table`), constants, block);
  const mixed = linear(attended, read, `${name}.attn.proj`).add(x);
  const hidden = nn.gelu(linear(norm(mixed.ref, read, `${name}.norm2`), read, `${name}.mlp.0`), { approximate: false });
  return linear(hidden, read, `${name}.mlp.3`).add(mixed);
}

/** [B, S, S, C] to [B, S/2, S/2, 4C], channels by (row, column) = (0,0), (1,0), (0,1), (1,1). */
function merge(x: JaxArray): JaxArray {
  const [batch, size, , channels] = x.shape;
  return x.reshape([batch, size / 2, 2, size / 2, 2, channels]).transpose([0, 1, 3, 4, 2, 5]).reshape([batch, size / 2, size / 2, 4 * channels]);
}

/** Class scores. Owns the image; parameters are read through `read`. */
function classify(image: JaxArray, read: Read, { network }: InferenceTask | StepTask, blocks: readonly Block[], constants: readonly Arrays[]): JaxArray {
  const [batch, size] = image.shape;
  const [patch, across] = [network.patchSize, size / network.patchSize];
  const patches = image.reshape([batch, across, patch, across, patch, 3]).transpose([0, 1, 3, 2, 4, 5]).reshape([batch, across, across, patch * patch * 3]);
  let x = norm(linear(patches, read, 'features.0.0'), read, 'features.0.2');
  blocks.forEach((block, at) => {
    if (block.merge) x = affine(norm(merge(x), read, `${block.merge}.norm`), read(`${block.merge}.reduction.weight`), null);
    x = swinBlock(x, read, block, constants[at]);
  });
  return linear(norm(x, read, 'norm').mean([1, 2]), read, 'head');
}

/** The class scores as a function of the image, the parameters and each block's constants, with these. */
export function inference(task: InferenceTask): { readonly given: readonly Arrays[]; readonly scores: (...given: Arrays[]) => Arrays } {
  const blocks = blocksOf(task.network, task.image.shape[1]);
  return {
    given: [{ image: upload(task.image) }, uploadAll(task.parameters), ...blocks.map((block) => COMPOSED.constants(block, task.image.shape[0]))],
    scores: ({ image }, parameters, ...constants) => ({ y: classify(image, (name) => parameters[name], task, blocks, constants) }),
  };
}

type State = { parameters: Arrays; m: Arrays; v: Arrays; step: JaxArray };

/** The whole step as one compiled function; its state goes in and comes out, and never leaves the device. */
export function prepareStep(task: StepTask): PeerRun {
  const names = Object.keys(task.parameters);
  const blocks = blocksOf(task.network, task.image.shape[1]);
  const data = { image: upload(task.image), targets: upload(task.targets) };
  const constants = blocks.map((block) => COMPOSED.constants(block, task.image.shape[0]));
  const zeros = (): Arrays => Object.fromEntries(names.map((name) => [name, np.zeros([...task.parameters[name].shape])]));

  const lossOf = (parameters: Arrays, given: Arrays, fixed: Arrays[]): JaxArray => {
    const scores = classify(given.image, (name) => parameters[name], task, blocks, fixed);
    return nn.softplus(scores.ref).sub(given.targets.mul(scores)).mean();
  };
  const step = jit((state: State, given: Arrays, fixed: Arrays[]): { state: State; loss: JaxArray } => {
    const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(state.parameters), given, fixed);
    const at = state.step.add(1);
    const next: State = { parameters: {}, m: {}, v: {}, step: at.ref };
    for (const name of names) {
      const moved = adam({ parameter: state.parameters[name], m: state.m[name], v: state.v[name] }, gradients[name] as JaxArray, at.ref, task.settings);
      next.parameters[name] = moved.parameter;
      next.m[name] = moved.m;
      next.v[name] = moved.v;
    }
    at.dispose();
    return { state: next, loss };
  });

  let state: State = { parameters: uploadAll(task.parameters), m: zeros(), v: zeros(), step: np.zeros([1]) };
  let loss: JaxArray | null = null;
  return {
    run() {
      const result = step(state, shared(data), constants.map(shared));
      state = result.state;
      for (const arrays of [state.parameters, state.m, state.v, { step: state.step, loss: result.loss }]) launch(arrays);
      loss?.dispose();
      loss = result.loss;
    },
    finish,
    async read() {
      const moments = await Promise.all(names.map((name) => state.m[name].ref.data()));
      return { loss: loss ? await loss.ref.data() : [], m: moments.flatMap((values: ArrayLike<number>) => Array.from<number>(values)) };
    },
    destroy() {
      tree.dispose([state.parameters, state.m, state.v, state.step, data, constants]);
      loss?.dispose();
      step.dispose();
    },
  };
}
