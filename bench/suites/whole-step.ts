/** Whole training steps in the ways that a user can choose, ready to be timed, and what each is compared with. */
import { LANDMARK_COUNT, type FaceDataset } from '../../src/data/dataset.js';
import type { Engine } from '../../src/engine/index.js';
import { adamwHyper } from '../../src/kernels/optimizer/index.js';
import { VARIANT_FAMILIES } from '../../src/kernels/variants.js';
import { feasibleGroupSize } from '../../src/model/batch-order.js';
import { uploadDataset } from '../../src/model/device-dataset.js';
import { microBatchSize, type MicroBatchedStep } from '../../src/model/micro-batches.js';
import type { Precision } from '../../src/model/precision.js';
import type { Preset } from '../../src/model/presets.js';
import { SslModel } from '../../src/model/ssl-model.js';
import { captureMicroBatchedStep, type StepOutputs } from '../../src/model/training-step.js';
import { randomValues } from '../../src/verify/values.js';
import type { CheckedOutput, Prepared, TimedStep } from '../harness/subject.js';
import { gradientLengthsCompared, gradientsCompared } from './step-gradients.js';

/** How a step is computed, as the options of `zygo train` say it. */
export interface StepWay {
  readonly precision: Precision;
  readonly checkpointActivations: boolean;
  /** Micro-batches that the batch is divided into. */
  readonly accumulate: number;
}

/** What `zygo train` does when nothing is said. */
export const PLAIN_WAY: StepWay = { precision: 'f32', checkpointActivations: false, accumulate: 1 };

/** What differs from the plain way, in words; empty for the plain way itself. */
export function wayText({ precision, checkpointActivations, accumulate }: StepWay): string {
  return [precision === 'mixed' ? 'mixed precision' : '', checkpointActivations ? 'checkpointed activations' : '', accumulate > 1 ? `${accumulate} micro-batches` : ''].filter((words) => words !== '').join(', ');
}

/** So small that thousands of repeats of one batch change nothing that could overflow; it costs the same. */
const LEARNING_RATE = 1e-7;
const SEED = 5;
/**
 * Relative difference of losses and monitors between two sets of kernels: each is within 1e-4 of float64, and a step
 * has some thirty of them in a row. The same holds for gradients (measured for tiny: 7e-5 at most).
 */
const TOLERANCE = 1e-3;
/**
 * The same between mixed precision and f32. A rounding to f16 changes a value by 2^-11 of it at most (half a unit in the
 * last of 11 bits), with a standard deviation of 2^-11 / sqrt(3) where errors are spread evenly; some hundred of them in
 * a row (about eight in each of the twelve blocks of swin-t), independent of each other, come to ten times that. Three
 * standard deviations are 8.5e-3.
 */
const MIXED_TOLERANCE = 1e-2;

/** Faces of noise: a step's time does not depend on what is in them. */
function noiseFaces(preset: Preset, batch: number): FaceDataset {
  const { faceSize, groupSize, regions } = preset;
  const pixels = randomValues(faceSize * faceSize * 4, 11);
  return {
    source: 'noise',
    count: batch,
    imageSize: faceSize,
    images: Uint8Array.from({ length: batch * pixels.length }, (_, at) => 128 + 100 * pixels[(at + 31 * Math.floor(at / pixels.length)) % pixels.length]),
    landmarks: randomValues(batch * LANDMARK_COUNT * 2, 12).map((value) => (0.5 + 0.4 * value) * faceSize),
    actionUnits: regions.actionUnits,
    labels: new Uint8Array(batch * regions.actionUnits.length),
    identities: Int32Array.from({ length: batch }, (_, face) => Math.floor(face / groupSize)),
    identityNames: Array.from({ length: Math.ceil(batch / groupSize) }, (_, person) => `person ${person}`),
  };
}

/** A captured step and the model that it trains. */
interface ModelStep {
  readonly step: MicroBatchedStep<StepOutputs>;
  readonly model: SslModel;
}

/** A captured step with a model of its own, as the trainer makes it; every micro-batch takes the same faces. */
function captureStep(engine: Engine, preset: Preset, whole: number, { precision, checkpointActivations, accumulate }: StepWay): ModelStep {
  const { beta1, beta2, epsilon, weightDecay, targetDecay } = preset.optimizer;
  const batch = microBatchSize(whole, accumulate);
  const faces = noiseFaces(preset, batch);
  const inputs = {
    indices: engine.tensor(Uint32Array.from({ length: batch }, (_, face) => face), [batch]),
    key: engine.tensor(Uint32Array.of(SEED, 0), [2]),
    hyper: engine.tensor(adamwHyper(1, { learningRate: LEARNING_RATE, beta1, beta2, epsilon, weightDecay }), [8]),
    targetDecay: engine.tensor([targetDecay], [1]),
  };
  const data = uploadDataset(engine, faces, preset.regions);
  const model = new SslModel(engine, preset, SEED, precision);
  const groupSize = feasibleGroupSize(faces.identities, batch, preset.groupSize);
  return { step: captureMicroBatchedStep(engine, model, data, inputs, { batch, groupSize, accumulate, checkpointActivations }, preset.objective), model };
}

/** The step as one: what is submitted for a repeat, in order. */
function asOne(step: MicroBatchedStep<unknown>): TimedStep {
  const { micro, update, microBatches } = step;
  const parts = [...Array.from({ length: microBatches }, () => micro), ...(update ? [update] : [])];
  const starts = parts.map((_, index) => parts.slice(0, index).reduce((sum, { commands }) => sum + commands.length, 0));
  return {
    name: 'training step',
    commands: parts.flatMap(({ commands }) => commands),
    submissions: parts.flatMap(({ submissions }, index) => submissions.map((end) => starts[index] + end)),
    dispatches: step.dispatches,
    flops: step.flops,
    plan: { peakBytes: step.peakBytes, lowerBoundBytes: step.lowerBoundBytes },
    prepare: () => step.prepare(),
    run: () => step.run(() => {}),
    encode: () => parts.flatMap((part) => part.encode()),
    destroy: () => step.destroy(),
  };
}

/** What a step's first run leaves. */
interface StepResults {
  /** Losses and monitors by name. */
  readonly measures: Readonly<Record<string, number>>;
  /**
   * AdamW's first moments, arena of all parameters: after one step they are (1 − β1) times the gradients as they are used,
   * summed over micro-batches, clipped, and free of the loss scale. The parameters would tell less: the first step of
   * AdamW moves each by the learning rate, whatever its gradient's size.
   */
  readonly moments: ArrayLike<number>;
}

/** Reads what the step's first run left. */
async function resultsOf(engine: Engine, { step: { outputs }, model }: ModelStep): Promise<StepResults> {
  const scalars = await engine.read(outputs.scalars);
  const measures = Object.fromEntries(Object.entries(outputs.places).map(([name, place]) => [name, scalars[place]]));
  return { measures, moments: await engine.read(model.firstMoment) };
}

/** The base variant of every family, but for matrix products: one step of naive ones takes minutes on a software adapter. */
const BASE = { ...Object.fromEntries(Object.entries(VARIANT_FAMILIES).map(([family, { base }]) => [family, base])), matmul: 'tile' };

/** The same from one run with the base variants, in f32 and with all activations kept. */
async function resultsOfBase(engine: Engine, preset: Preset, batch: number, { accumulate }: StepWay): Promise<StepResults> {
  return engine.scope(async () => {
    for (const [family, variant] of Object.entries(BASE)) engine.force(family, variant);
    let captured: ModelStep;
    try {
      captured = captureStep(engine, preset, batch, { ...PLAIN_WAY, accumulate });
    } finally {
      for (const family of Object.keys(BASE)) engine.force(family, null);
    }
    const { step } = captured;
    await step.prepare();
    step.run(() => {});
    const results = await resultsOf(engine, captured);
    step.destroy();
    return results;
  });
}

/**
 * A training step of a batch, compared with the plain step from other variants.
 * @throws {InputError} when the batch cannot be divided into the micro-batches
 */
export function prepareStep(engine: Engine, preset: Preset, batch: number, way: StepWay): Prepared {
  const captured = captureStep(engine, preset, batch, way);
  const tolerance = way.precision === 'mixed' ? MIXED_TOLERANCE : TOLERANCE;
  const plain = way.precision === 'mixed' || way.checkpointActivations ? ', in f32 with all activations kept' : '';
  return {
    step: asOne(captured.step),
    against: `losses, monitors and the gradient of every parameter of the same step from other variants: the base variant of every kernel, matmul=tile${plain} (zygo verify checks each against float64)`,
    async check() {
      const [own, base] = [await resultsOf(engine, captured), await resultsOfBase(engine, preset, batch, way)];
      // What only mixed precision has (loss scale, overflows) has nothing to be compared with.
      const scalars = Object.entries(base.measures).map(([name, value]): CheckedOutput => ({ output: name, actual: [own.measures[name]], expected: { values: [value], tolerance } }));
      const { layout } = captured.model;
      const gradients = way.precision === 'mixed' ? gradientLengthsCompared(layout, own.moments, base.moments) : gradientsCompared(layout, own.moments, base.moments, TOLERANCE);
      return [...scalars, ...gradients];
    },
  };
}
