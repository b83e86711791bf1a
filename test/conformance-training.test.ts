/** Twenty steps of a small Swin with AdamW, loss by loss, against PyTorch and torchvision in float64. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sizeOf, type Engine, type Tensor } from '../src/engine/index.js';
import { bceWithLogits } from '../src/kernels/loss/index.js';
import { adamw, adamwHyper } from '../src/kernels/optimizer/index.js';
import { decodeSafetensors, type SafetensorsFile } from '../src/model/checkpoint/safetensors.js';
import { classifierSpecs, classify, type ClassifierConfig } from '../src/model/classifier/index.js';
import { layOut, Parameters, type ArenaLayout } from '../src/model/parameters.js';
import { withEngine } from './helpers.js';

/**
 * Relative to the loss. f32 rounds the loss at 6e-8, and AdamW passes the gradients' rounding on: m / sqrt(v) makes a
 * full step of a gradient however small it is, so that entries near 0 may move another way by up to 2 lr = 2e-3. On
 * SwiftShader all twenty losses came within 3e-7 (2026-11-23); 1e-5 leaves room for a GPU's exp and sums of another
 * order, while a wrong decay, correction or gradient changes a loss by more than 1e-3.
 */
const TOLERANCE = 1e-5;

/** [B, C, H, W] to [B, H, W, C]: images, and weights of the patch embedding. */
function channelsLast(data: ArrayLike<number>, [count, channels, height, width]: readonly number[]): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: data.length }, (_, flat) => {
    const channel = flat % channels;
    const column = Math.floor(flat / channels) % width;
    const row = Math.floor(flat / (channels * width)) % height;
    const item = Math.floor(flat / (channels * width * height));
    assert.ok(item < count);
    return data[((item * channels + channel) * height + row) * width + column];
  });
}

function tensorOf({ tensors }: SafetensorsFile, name: string): { data: ArrayLike<number>; shape: readonly number[] } {
  const tensor = tensors.get(name);
  assert.ok(tensor, `the fixture has no ${name}`);
  return tensor;
}

/** The fixture's initial parameters in the arena's layout. */
function initialArena(fixture: SafetensorsFile, layout: ArenaLayout): Float32Array<ArrayBuffer> {
  const arena = new Float32Array(layout.size);
  for (const { name, shape } of layout.specs) {
    const { data, shape: given } = tensorOf(fixture, `param.${name}`);
    assert.equal(data.length, sizeOf(shape), name);
    arena.set(given.length === 4 ? channelsLast(data, given) : Array.from(data), layout.offsets.get(name));
  }
  return arena;
}

async function train(engine: Engine, fixture: SafetensorsFile, steps: number): Promise<number[]> {
  const config: ClassifierConfig = { ...JSON.parse(fixture.metadata.get('config') as string), mlpRatio: 4 };
  const { lr: learningRate, ...options } = JSON.parse(fixture.metadata.get('optimizer') as string);
  const layout = layOut(classifierSpecs(config));
  const values = engine.tensor(initialArena(fixture, layout), [layout.size]);
  const gradients = engine.zeros([layout.size]);
  const parameters = new Parameters(engine, layout, values, gradients);
  const [m, v] = [engine.zeros([layout.size]), engine.zeros([layout.size])];
  const images = tensorOf(fixture, 'images');
  const [batch, channels, height, width] = images.shape;
  const image = engine.tensor(channelsLast(images.data, images.shape), [batch, height, width, channels]);
  const { data, shape } = tensorOf(fixture, 'labels');
  const targets = engine.tensor(Uint32Array.from(data), shape);
  const ones = engine.tensor(new Float32Array(config.numClasses).fill(1), [config.numClasses]);
  const hyper = engine.zeros([8]);
  const step = await engine
    .capture('classifier step', () => {
      const loss = engine.withTape((tape): Tensor => {
        const value = bceWithLogits(engine, classify(engine, parameters, config, image), targets, ones);
        tape.backward([[value, engine.tensor([1], [1])]]);
        return value;
      });
      adamw(engine, { params: values, gradients, m, v, hyper, decayEnd: layout.decayEnd, scale: engine.tensor([1, 0], [2]) });
      return { loss };
    })
    .prepare();
  const losses: number[] = [];
  for (let at = 1; at <= steps; at++) {
    engine.write(hyper, adamwHyper(at, { learningRate, ...options }));
    step.run();
    losses.push((await engine.read(step.outputs.loss))[0]);
  }
  step.destroy();
  return losses;
}

test("20 steps with AdamW follow torchvision's Swin loss by loss", async () => {
  const file = join('test', 'fixtures', 'training', 'swin-adamw-20-steps.safetensors');
  const fixture = decodeSafetensors(await readFile(file), file);
  const expected = Array.from(tensorOf(fixture, 'losses').data);
  assert.equal(expected.length, 20);
  assert.ok(expected[19] < 0.9 * expected[0], 'the fixture learns something');
  await withEngine(async (engine) => {
    const losses = await train(engine, fixture, expected.length);
    losses.forEach((loss, step) => {
      const error = Math.abs(loss - expected[step]) / expected[step];
      assert.ok(error <= TOLERANCE, `loss of step ${step + 1} is ${loss}, expected ${expected[step]}: relative error ${error.toExponential(1)}`);
    });
  });
});
