/** Supervised training from scratch: the same encoder with a linear layer per AU, the upper line beside the probes. */
import type { FaceDataset } from '../data/dataset.js';
import { DeviceError, type Engine, type Tensor } from '../engine/index.js';
import { augmentImages, augmentationParameters } from '../kernels/augment/index.js';
import { scale as scaled } from '../kernels/elementwise/index.js';
import { bceWithLogits } from '../kernels/loss/index.js';
import { adamw, adamwHyper, initialLossScale, LOSS_SCALE_STATE, STEP_OUTCOME } from '../kernels/optimizer/index.js';
import { linearSpecs } from './backbone/specs.js';
import { BatchOrder } from './batch-order.js';
import { uploadDataset } from './device-dataset.js';
import { dense } from './dense.js';
import { Encoder } from './encoder.js';
import { MicroBatchedStep, microBatchSize } from './micro-batches.js';
import { stepParameters } from './mixed-parameters.js';
import { layOut, makeParameters, type Parameters } from './parameters.js';
import { gradientFactor, lossSeeds, type LossScale, type Precision } from './precision.js';
import { regionFeatureDim, type Preset } from './presets.js';
import { learningRateAt } from './schedules.js';
import { attentionMaps, stochasticDepthOf } from './training-step.js';

/** What {@link trainSupervised} trains, and how. */
export interface SupervisedOptions {
  readonly preset: Preset;
  /** Faces with all their labels. */
  readonly data: FaceDataset;
  /** Faces per step. */
  readonly batch: number;
  /** Length of the schedule: the learning rate reaches zero here. */
  readonly steps: number;
  readonly seed: number;
  /** 'f32' by default. */
  readonly precision?: Precision;
  /** Micro-batches that a step's batch is computed in, 1 by default. */
  readonly accumulate?: number;
  /** Compute the blocks' activations again in the backward pass instead of keeping them; false by default. */
  readonly checkpointActivations?: boolean;
}

/**
 * pos_weight per AU: absent over present faces, between 1 and 10, so that rare AUs count.
 * Unknown labels are left out.
 */
export function positiveWeights({ labels, count, actionUnits }: FaceDataset): Float32Array<ArrayBuffer> {
  return Float32Array.from(actionUnits, (_, au) => {
    let present = 0;
    let absent = 0;
    for (let face = 0; face < count; face++) {
      const label = labels[face * actionUnits.length + au];
      if (label === 1) present += 1;
      else if (label === 0) absent += 1;
    }
    return Math.min(10, Math.max(1, absent / Math.max(1, present)));
  });
}

/**
 * Trains from scratch with all labels and gives back the trained parameters (they belong to the caller's scope).
 * @param onStep called after every step with the 1-based step and its loss
 * @throws {DeviceError} when the loss or its gradient is not finite, except in a step that mixed precision skips to lower its
 *   scale, or the device fails
 */
export async function trainSupervised(
  engine: Engine,
  options: SupervisedOptions,
  onStep: (step: number, loss: number) => void = () => {},
): Promise<Parameters> {
  const { preset, data: faces, steps, seed, precision = 'f32', accumulate = 1, checkpointActivations } = options;
  const batch = microBatchSize(options.batch, accumulate);
  const { backbone, optimizer } = preset;
  const aus = faces.actionUnits.length;
  const inputs = regionFeatureDim(backbone) * aus;
  const layout = layOut([...Encoder.specs(backbone), ...linearSpecs('detector', inputs, aus, 'fan-in')]);
  const parameters = makeParameters(engine, layout, seed, true);
  return engine.scope(async () => {
    const gradients = parameters.gradients as Tensor;
    const data = uploadDataset(engine, faces, preset.regions);
    const indices = engine.zeros([batch], 'u32', 'face numbers');
    const key = engine.zeros([2], 'u32', 'random key');
    const hyper = engine.zeros([8], 'f32', 'optimiser scalars');
    const targets = engine.zeros([batch, aus], 'u32', 'labels');
    const moments = [engine.zeros([layout.size]), engine.zeros([layout.size])];
    const lossScale: LossScale | null =
      precision === 'mixed' ? { state: initialLossScale(engine, preset.lossScale), options: preset.lossScale } : null;
    const weights = engine.tensor(positiveWeights(faces), [aus]);
    const step = await MicroBatchedStep.capture(
      engine,
      'supervised step',
      {
        micro: () => {
          const { geometry, colour } = augmentationParameters(engine, {
            batch,
            views: 1,
            sizeIn: data.imageSize,
            sizeOut: backbone.imageSize,
            stepKey: key,
            options: preset.augmentation,
          });
          const image = augmentImages(engine, data.images, indices, geometry, colour, { sizeOut: backbone.imageSize });
          const masks = attentionMaps(engine, data, preset, indices, geometry);
          const loss = engine.withTape((tape) => {
            const ofStep = stepParameters(engine, parameters, precision);
            const { regions } = new Encoder(engine, ofStep, backbone).forward(image, masks, {
              checkpointActivations,
              stochasticDepth: stochasticDepthOf(engine, preset, key, batch),
            });
            const flat = engine.reshape(regions as Tensor, [batch, inputs]);
            const logits = dense(engine, flat, ofStep.get('detector.weight'), ofStep.get('detector.bias'));
            const value = bceWithLogits(engine, logits, targets, weights);
            tape.backward([[value, lossSeeds(engine, [1 / accumulate], lossScale)[0]]]);
            return value;
          });
          return { totals: [gradients, loss], rest: null };
        },
        update: ([summed, losses]) => {
          const scale = gradientFactor(engine, summed, optimizer.clip, hyper, lossScale);
          adamw(engine, { params: parameters.values, gradients: summed, m: moments[0], v: moments[1], hyper, decayEnd: layout.decayEnd, scale });
          return { loss: accumulate === 1 ? losses : scaled(engine, losses, 1 / accumulate), scale };
        },
      },
      accumulate,
    ).prepare();
    const order = new BatchOrder(faces.identities, options.batch, seed);
    const { beta1, beta2, epsilon, weightDecay, warmup } = optimizer;
    try {
      for (let done = 0; done < steps; done++) {
        const rate = learningRateAt(done, steps, preset.supervisedLearningRate, warmup);
        engine.write(hyper, adamwHyper(done + 1, { learningRate: rate, beta1, beta2, epsilon, weightDecay }));
        step.run((index) => {
          const chosen = order.microBatch(done, index, accumulate);
          engine.write(indices, chosen);
          engine.write(key, Uint32Array.of(seed, done * accumulate + index));
          engine.write(targets, Uint32Array.from({ length: batch * aus }, (_, at) => faces.labels[chosen[Math.floor(at / aus)] * aus + (at % aus)]));
        });
        const [[loss], [, norm], state] = await Promise.all([engine.read(step.outputs.loss), engine.read(step.outputs.scale), lossScale && engine.read(lossScale.state)]);
        const skipped = state?.[LOSS_SCALE_STATE.outcome] === STEP_OUTCOME.skipped;
        // The update leaves everything as it is for gradients that are not finite: going on would be training in name only.
        if (!skipped && !(Number.isFinite(loss) && Number.isFinite(norm))) {
          throw new DeviceError(`Supervised training stopped at step ${done + 1}: the loss is ${loss}, the norm of its gradient ${norm}. Try ${lossScale ? '--precision f32, or ' : ''}a smaller learning rate.`);
        }
        onStep(done + 1, loss);
      }
    } finally {
      step.destroy();
    }
    return parameters;
  });
}
