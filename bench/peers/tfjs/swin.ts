/** The Swin classifier of src/model/classifier in TensorFlow.js: its class scores, and its training step by its own Adam optimiser. */
import type { InferenceTask, PeerRun, StepTask } from '../peer.js';
import { blocksOf, type Block } from '../swin-plan.js';
import { tf, type WebGPUBackend } from './library.js';
import { affine, gelu, layerNorm, windowAttention, windowConstants, type Tensors } from './ops.js';
import { finishOn } from './queue.js';

type Tensor = Tensors[string];

function norm(x: Tensor, p: Tensors, name: string): Tensor {
  return layerNorm(x, p[`${name}.weight`], p[`${name}.bias`]);
}

function linear(x: Tensor, p: Tensors, name: string): Tensor {
  return affine(x, p[`${name}.weight`], p[`${name}.bias`]);
}

function swinBlock(x: Tensor, p: Tensors, block: Block, constants: Tensors): Tensor {
  const { name } = block;
  const qkv = linear(norm(x, p, `${name}.norm1`), p, `${name}.attn.qkv`);
  const attended = windowAttention(qkv, p[`${name}.attn.relative_position_bias_table`], constants, block);
  const mixed = tf.add(linear(attended, p, `${name}.attn.proj`), x);
  const hidden = gelu(linear(norm(mixed, p, `${name}.norm2`), p, `${name}.mlp.0`));
  return tf.add(linear(hidden, p, `${name}.mlp.3`), mixed);
}

/** [B, S, S, C] to [B, S/2, S/2, 4C], channels by (row, column) = (0,0), (1,0), (0,1), (1,1). */
function merge(x: Tensor): Tensor {
  const [batch, size, , channels] = x.shape;
  const blocks = tf.transpose(tf.reshape(x, [batch, size / 2, 2, size / 2, 2, channels]), [0, 1, 3, 4, 2, 5]);
  return tf.reshape(blocks, [batch, size / 2, size / 2, 4 * channels]);
}

/** Class scores. */
function classify(image: Tensor, p: Tensors, { network }: InferenceTask | StepTask, blocks: readonly Block[], constants: readonly Tensors[]): Tensor {
  const [batch, size] = image.shape;
  const [patch, across] = [network.patchSize, size / network.patchSize];
  const cut = tf.transpose(tf.reshape(image, [batch, across, patch, across, 3 * patch]), [0, 1, 3, 2, 4]);
  let x = norm(linear(tf.reshape(cut, [batch, across, across, 3 * patch * patch]), p, 'features.0.0'), p, 'features.0.2');
  blocks.forEach((block, at) => {
    if (block.merge) x = affine(norm(merge(x), p, `${block.merge}.norm`), p[`${block.merge}.reduction.weight`], null);
    x = swinBlock(x, p, block, constants[at]);
  });
  return linear(tf.mean(norm(x, p, 'norm'), [1, 2]), p, 'head');
}

/** The class scores of the task's images. */
export function prepareInference(backend: WebGPUBackend, task: InferenceTask): PeerRun {
  const blocks = blocksOf(task.network, task.image.shape[1]);
  const constants = blocks.map((block) => windowConstants(block));
  const onDevice = ({ data, shape }: InferenceTask['image']): Tensor => tf.tensor(data, [...shape]);
  const image = onDevice(task.image);
  const parameters = Object.fromEntries(Object.entries(task.parameters).map(([name, given]) => [name, onDevice(given)]));
  let scores: Tensor | null = null;
  return {
    run() {
      const next = tf.tidy(() => classify(image, parameters, task, blocks, constants));
      scores?.dispose();
      scores = next;
    },
    finish: () => finishOn(backend),
    read: async () => ({ y: scores ? await scores.data() : [] }),
    destroy() {
      tf.dispose([image, parameters, constants]);
      scores?.dispose();
    },
  };
}

/** Variables need names of their own in the whole process. */
let made = 0;

/** The step as `optimizer.minimize` does it. */
export function prepareStep(backend: WebGPUBackend, task: StepTask): PeerRun {
  const { learningRate, beta1, beta2, epsilon } = task.settings;
  const blocks = blocksOf(task.network, task.image.shape[1]);
  const constants = blocks.map((block) => windowConstants(block));
  const [image, targets] = [task.image, task.targets].map(({ data, shape }) => tf.tensor(data, [...shape]));
  const prefix = `step${(made += 1)}/`;
  const variables = Object.fromEntries(
    Object.entries(task.parameters).map(([name, { data, shape }]) => [name, tf.tidy(() => tf.variable(tf.tensor(data, [...shape]), true, `${prefix}${name}`))]),
  );
  const optimizer = tf.train.adam(learningRate, beta1, beta2, epsilon);
  const lossOf = () => {
    const scores = classify(image, variables, task, blocks, constants);
    return tf.mean(tf.sub(tf.softplus(scores), tf.mul(targets, scores))) as ReturnType<typeof tf.scalar>;
  };
  let loss: Tensor | null = null;
  return {
    run() {
      const next = optimizer.minimize(lossOf, true, Object.values(variables));
      loss?.dispose();
      loss = next;
    },
    finish: () => finishOn(backend),
    async read() {
      const weights = await optimizer.getWeights();
      const moments = await Promise.all(Object.keys(variables).map(async (name) => weights.find((own) => own.name === `${prefix}${name}/m`)?.tensor.data() ?? []));
      weights[0].tensor.dispose();
      return { loss: loss ? await loss.data() : [], m: moments.flatMap((values) => Array.from<number>(values)) };
    },
    destroy() {
      optimizer.dispose();
      tf.dispose([variables, constants, image, targets]);
      loss?.dispose();
    },
  };
}
