/** The op `swin`: torchvision's Swin classifier in evaluation mode, with the state dict's own names and layouts. */
import { expectShape, ShapeError, type Tensor } from '../engine/index.js';
import { classifierSpecs, classify, type ClassifierConfig } from '../model/classifier/index.js';
import type { ConformanceOp, OpRun } from './op.js';
import { channelsLast, patchWeight } from './rearrange.js';
import { WHOLE_NETWORK } from './tolerance.js';

const PATCH_WEIGHT = 'features.0.0.weight';

function run(given: OpRun): Record<string, Tensor> {
  const { engine, config } = given;
  const network: ClassifierConfig = {
    patchSize: config.side('patchSize', 1, 4),
    embedDim: config.whole('embedDim', 1),
    depths: config.counts('depths'),
    numHeads: config.counts('numHeads'),
    windowSize: config.side('windowSize', 1),
    numClasses: config.whole('numClasses', 1),
    mlpRatio: config.number('mlpRatio', 4),
  };
  if (network.depths.length !== network.numHeads.length) {
    throw new ShapeError(`swin has ${network.depths.length} depths and ${network.numHeads.length} numHeads: expected as many of each.`);
  }
  const parameters = new Map<string, Tensor>();
  for (const { name, shape } of classifierSpecs(network)) {
    const parameter = given.input(`param.${name}`);
    const taken = name === PATCH_WEIGHT ? patchWeight(engine, parameter) : parameter;
    expectShape(`swin: param.${name}`, taken.shape, shape);
    parameters.set(name, taken);
  }
  const image = channelsLast(engine, given.input('image'), network.patchSize);
  return { logits: classify(engine, { get: (name) => parameters.get(name) as Tensor }, network, image) };
}

/** The classifier as an op: inputs `image` [B, 3, H, W] and param.NAME, output `logits` [B, numClasses]. */
export const swinOp: ConformanceOp = { tolerance: WHOLE_NETWORK, differentiable: ['image', 'param.'], run };
