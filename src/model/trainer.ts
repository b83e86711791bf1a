/** Self-supervised training: owns the model, the captured step and the schedules; runs the same in Node and in Chrome. */
import type { FaceDataset } from '../data/dataset.js';
import { DeviceError, type Engine } from '../engine/index.js';
import { adamwHyper, STEP_OUTCOME } from '../kernels/optimizer/index.js';
import { BatchOrder, feasibleGroupSize } from './batch-order.js';
import { restoreTraining, snapshotTraining, type TrainingSnapshot } from './checkpoint/training-state.js';
import { effectiveRank } from './collapse.js';
import { uploadDataset, type DeviceDataset } from './device-dataset.js';
import { microBatchSize, type MicroBatchedStep } from './micro-batches.js';
import type { Precision } from './precision.js';
import type { ObjectiveConfig, Preset } from './presets.js';
import { learningRateAt, targetDecayAt } from './schedules.js';
import { SslModel } from './ssl-model.js';
import { captureMicroBatchedStep, type StepInputs, type StepOutputs } from './training-step.js';

/** What {@link SelfSupervisedTrainer.create} trains, and how. */
export interface TrainerOptions {
  readonly preset: Preset;
  /** Loss weights; the preset's by default. */
  readonly objective?: ObjectiveConfig;
  readonly data: FaceDataset;
  /** Faces per step; each gives two views. */
  readonly batch: number;
  /** Length of the schedules: the learning rate reaches zero here. */
  readonly steps: number;
  readonly seed: number;
  /** 'f32' by default. */
  readonly precision?: Precision;
  /**
   * Micro-batches that a step's batch is computed in, 1 by default: memory for one of them is enough. Batch normalisation,
   * the contrast, the relation loss and what is relative to a person see a micro-batch at a time.
   */
  readonly accumulate?: number;
  /** Compute the blocks' activations again in the backward pass instead of keeping them; false by default. */
  readonly checkpointActivations?: boolean;
}

/** What one step showed. */
export interface StepMetrics {
  /** 1-based. */
  readonly step: number;
  /** Weighted sum of the terms. */
  readonly loss: number;
  /** Each term that is computed, by name, before weighting. */
  readonly terms: Readonly<Record<string, number>>;
  /**
   * featureStd, effectiveRank, planEntropy, marginalResidual and gradientNorm; in mixed precision also lossScale (which
   * the next step has) and overflows (steps skipped so far; a skipped step's gradient norm is not finite).
   */
  readonly collapse: Readonly<Record<string, number>>;
  /** That the step was taken with. */
  readonly learningRate: number;
}

/** Costs of the captured step, for logs. */
export interface StepCosts {
  /** Values of the online network. */
  readonly parameters: number;
  /** Kernel launches of a step, all its micro-batches together. */
  readonly dispatches: number;
  /** 1e9 floating-point operations of a step, as far as the kernels state them. */
  readonly gigaflops: number;
  /** What the step's memory plan allocates, and the largest set of bytes alive at one launch: no plan could do with less. */
  readonly peakBytes: number;
  readonly lowerBoundBytes: number;
  /** Everything that is alive on the device besides the plan: parameters, gradients, moments, target, faces. */
  readonly residentBytes: number;
}

/** Steps submitted before the oldest one's metrics are awaited: the device never waits for the CPU. */
const IN_FLIGHT = 2;

/**
 * One self-supervised training, made by `create`. `train` goes on from `step`, `snapshot` and `restore` carry it over to
 * another run, and the result is `model.online`.
 */
export class SelfSupervisedTrainer {
  /** Steps done. */
  step = 0;
  private readonly order: BatchOrder;

  private constructor(
    readonly engine: Engine,
    readonly options: TrainerOptions,
    readonly objective: ObjectiveConfig,
    readonly model: SslModel,
    readonly data: DeviceDataset,
    private readonly inputs: StepInputs,
    private readonly captured: MicroBatchedStep<StepOutputs>,
    groupSize: number,
  ) {
    const { data: faces, batch, seed } = options;
    this.order = new BatchOrder(faces.identities, batch, seed, groupSize);
  }

  /**
   * Uploads the data, makes the model and prepares the step. Everything it allocates belongs to the caller's scope, but for
   * the step's own memory, which `destroy` gives back.
   * @throws {InputError} when the preset's numbers do not fit together, or the batch cannot be divided into micro-batches
   * @throws {DeviceError} when the device cannot hold the step
   */
  static async create(engine: Engine, options: TrainerOptions): Promise<SelfSupervisedTrainer> {
    const { preset, accumulate = 1, checkpointActivations } = options;
    const batch = microBatchSize(options.batch, accumulate);
    const objective = options.objective ?? preset.objective;
    const data = uploadDataset(engine, options.data, preset.regions);
    const model = new SslModel(engine, preset, options.seed, options.precision);
    const inputs: StepInputs = {
      indices: engine.zeros([batch], 'u32', 'face numbers'),
      key: engine.zeros([2], 'u32', 'random key'),
      hyper: engine.zeros([8], 'f32', 'optimiser scalars'),
      targetDecay: engine.zeros([1], 'f32', 'target decay'),
    };
    const groupSize = feasibleGroupSize(options.data.identities, batch, preset.groupSize);
    const captured = await captureMicroBatchedStep(engine, model, data, inputs, { batch, groupSize, accumulate, checkpointActivations }, objective).prepare();
    return new SelfSupervisedTrainer(engine, options, objective, model, data, inputs, captured, groupSize);
  }

  /** Costs of a step as it was captured; known before the first one. */
  get costs(): StepCosts {
    const { captured, model } = this;
    return {
      parameters: model.online.count,
      dispatches: captured.dispatches,
      gigaflops: captured.flops / 1e9,
      peakBytes: captured.peakBytes,
      lowerBoundBytes: captured.lowerBoundBytes,
      residentBytes: this.engine.memory.bytes - captured.peakBytes,
    };
  }

  /** Time of every launch of one step. It trains: the step counts. */
  async profile() {
    const { step } = this;
    this.writeScalars();
    this.step += 1;
    return this.captured.profile((index) => this.writeMicroBatch(step, index));
  }

  /** What a step takes besides its faces. @returns the learning rate */
  private writeScalars(): number {
    const { engine, inputs, options, step } = this;
    const { learningRate, warmup, beta1, beta2, epsilon, weightDecay, targetDecay } = options.preset.optimizer;
    const rate = learningRateAt(step, options.steps, learningRate, warmup);
    engine.write(inputs.hyper, adamwHyper(step + 1, { learningRate: rate, beta1, beta2, epsilon, weightDecay }));
    engine.write(inputs.targetDecay, [targetDecayAt(step, options.steps, targetDecay)]);
    return rate;
  }

  private writeMicroBatch(step: number, index: number): void {
    const { engine, inputs, options, captured } = this;
    engine.write(inputs.indices, this.order.microBatch(step, index, captured.microBatches));
    engine.write(inputs.key, Uint32Array.of(options.seed, step * captured.microBatches + index));
  }

  /** Submits one step; the metrics arrive when the device has done it. */
  private submit(): Promise<StepMetrics> {
    const { step } = this;
    const learningRate = this.writeScalars();
    this.captured.run((index) => this.writeMicroBatch(step, index));
    this.step += 1;
    return this.readMetrics(this.step, learningRate);
  }

  private async readMetrics(step: number, learningRate: number): Promise<StepMetrics> {
    const { engine, objective } = this;
    const { terms: names, places, scalars, secondMoment, moments, transport } = this.captured.outputs;
    // All copies are queued before the first await, so that they see this step's values.
    const [values, second, meansAndVariances, residual] = await Promise.all([
      engine.read(scalars),
      engine.read(secondMoment),
      engine.read(moments),
      transport ? engine.read(transport.residual) : null,
    ]);
    const at = (name: string) => values[places[name]];
    const terms = Object.fromEntries(names.map((name) => [name, at(name)]));
    const loss = names.reduce((sum, name) => sum + at(name) * objective[name], 0);
    const mixed = this.model.lossScale !== null;
    // In mixed precision a step that overflowed was skipped, and the next one has a smaller scale, unless it is the least.
    const skipped = mixed && at('outcome') === STEP_OUTCOME.skipped;
    if (!skipped && !(Number.isFinite(loss) && Number.isFinite(at('gradientNorm')))) {
      throw new DeviceError(
        `Training stopped at step ${step}: the loss is ${loss} (${names.map((name) => `${name} ${at(name)}`).join(', ')}). ` +
          `${mixed ? 'A smaller loss scale cannot help: try --precision f32, or' : 'Try'} a smaller learning rate; the last checkpoint is from before this step.`,
      );
    }
    const regions = objective.region + objective.contrast + objective.relation > 0 ? this.options.preset.regions.actionUnits.length : 1;
    return {
      step,
      loss,
      terms,
      collapse: {
        featureStd: at('featureStd'),
        effectiveRank: effectiveRank(second, meansAndVariances.filter((_, index) => index % 2 === 0), (2 * this.options.batch * regions) / this.captured.microBatches),
        gradientNorm: at('gradientNorm'),
        ...(residual ? { planEntropy: at('planEntropy'), marginalResidual: Math.max(...residual) } : {}),
        ...(mixed ? { lossScale: at('lossScale'), overflows: at('overflows') } : {}),
      },
      learningRate,
    };
  }

  /**
   * Trains up to step `until` (the schedule's end by default).
   * @param onMetrics called for every step in order; may return a promise that resolves to pause until then
   * @param signal stops between two steps
   * @throws {DeviceError} when the loss or the gradient is not finite, or the device fails
   */
  async train(onMetrics: (metrics: StepMetrics) => void | Promise<void>, until = this.options.steps, signal?: AbortSignal): Promise<void> {
    const waiting: Promise<StepMetrics>[] = [];
    const settleOldest = async () => onMetrics(await (waiting.shift() as Promise<StepMetrics>));
    try {
      while (this.step < until && !signal?.aborted) {
        const submitted = this.submit();
        // Its failure is met when its turn comes; until then it must not count as unhandled.
        submitted.catch(() => {});
        waiting.push(submitted);
        if (waiting.length >= IN_FLIGHT) await settleOldest();
      }
      while (waiting.length > 0) await settleOldest();
    } finally {
      await Promise.allSettled(waiting);
    }
  }

  /** Everything that a later run needs to go on as if this one had never stopped. */
  snapshot(): Promise<TrainingSnapshot> {
    return snapshotTraining(this.engine, this.model, this.step);
  }

  /** @throws {InputError} when the snapshot is of another architecture. */
  restore(snapshot: TrainingSnapshot): void {
    this.step = restoreTraining(this.engine, this.model, snapshot);
  }

  /** The last step's transport plans [2B, R, R], or null when the relation loss is off. */
  async transportPlans(): Promise<Float32Array | null> {
    const { transport } = this.captured.outputs;
    return transport && ((await this.engine.read(transport.plan)) as Float32Array);
  }

  /** Gives the captured step's memory back. */
  destroy(): void {
    this.captured.destroy();
  }
}
