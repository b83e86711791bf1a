/**
 * Gradient accumulation: a step whose batch is computed in several micro-batches, one after the other in the same memory.
 * What they add up to (gradients, losses, transport plans) is summed on the device, nothing is read back, and one update
 * follows. Losses that look across the batch, and batch normalisation, see a micro-batch; so does everything else.
 */
import { InputError, type CapturedStep, type Engine, type ProfileEntry, type Tensor } from '../engine/index.js';
import { accumulate } from '../kernels/elementwise/index.js';

/** What one micro-batch gives. */
export interface MicroBatch<Rest> {
  /** f32 tensors that are summed over the micro-batches. */
  readonly totals: readonly Tensor[];
  /** What the update takes, or the caller reads, from the last micro-batch. */
  readonly rest: Rest;
}

/** The two parts of a step. Both are traced; they must not read anything back. */
export interface StepParts<Rest, Outputs> {
  /** Forward and backward pass of one micro-batch. */
  micro(): MicroBatch<Rest>;
  /** @param totals as `micro` gave them, or their sums */
  update(totals: readonly Tensor[], rest: Rest): Outputs;
}

/**
 * Faces of one micro-batch.
 * @throws {InputError} when the batch cannot be divided
 */
export function microBatchSize(batch: number, microBatches: number): number {
  if (!Number.isInteger(microBatches) || microBatches < 1) throw new InputError(`A step of ${microBatches} micro-batches was asked for: expected a whole number from 1.`);
  if (batch % microBatches !== 0 || batch / microBatches < 2) {
    throw new InputError(`A batch of ${batch} faces cannot be divided into ${microBatches} micro-batches: expected equal ones of at least 2 faces.`);
  }
  return batch / microBatches;
}

/** Traces a step of one batch: both parts in one. */
export function captureWhole<Rest, Outputs>(engine: Engine, name: string, parts: StepParts<Rest, Outputs>): CapturedStep<Outputs> {
  return engine.capture(name, () => {
    const { totals, rest } = parts.micro();
    return parts.update(totals, rest);
  });
}

/** A step of any number of micro-batches, traced as two steps: one for each micro-batch, one for the update after the last. */
export class MicroBatchedStep<Outputs> {
  private constructor(
    readonly microBatches: number,
    readonly micro: CapturedStep<unknown>,
    /** Null where the micro-batch is the whole step. */
    readonly update: CapturedStep<unknown> | null,
    readonly outputs: Outputs,
  ) {}

  /** Traces a step. One micro-batch is traced together with its update and needs no sums. */
  static capture<Rest, Outputs>(engine: Engine, name: string, parts: StepParts<Rest, Outputs>, microBatches: number): MicroBatchedStep<Outputs> {
    if (microBatches === 1) {
      const whole = captureWhole(engine, name, parts);
      return new MicroBatchedStep(1, whole, null, whole.outputs);
    }
    const micro = engine.capture(`${name}, micro-batch`, () => {
      const { totals, rest } = parts.micro();
      // Constants of the step: they keep what is in them from replay to replay.
      const sums = totals.map(({ size, shape }) => engine.tensor(new Float32Array(size), shape, 'f32', 'sum of micro-batches'));
      sums.forEach((sum, index) => accumulate(engine, sum, totals[index]));
      return { sums, rest };
    });
    const { sums, rest } = micro.outputs;
    const update = engine.capture(`${name}, update`, () => {
      const outputs = parts.update(sums, rest);
      for (const sum of sums) engine.clear(sum);
      return outputs;
    });
    return new MicroBatchedStep(microBatches, micro, update, update.outputs);
  }

  /**
   * Compiles the pipelines and allocates the memory of both parts.
   * @throws {DeviceError} when the device cannot hold them
   */
  async prepare(): Promise<this> {
    await this.micro.prepare();
    await this.update?.prepare();
    return this;
  }

  /** @param write writes the inputs of a micro-batch, 0-based, before it runs */
  run(write: (microBatch: number) => void): void {
    for (let index = 0; index < this.microBatches; index++) {
      write(index);
      this.micro.run();
    }
    this.update?.run();
  }

  /** As `run`, with the time of every launch. */
  async profile(write: (microBatch: number) => void): Promise<ProfileEntry[]> {
    const entries: ProfileEntry[] = [];
    for (let index = 0; index < this.microBatches; index++) {
      write(index);
      entries.push(...(await this.micro.profile()));
    }
    return this.update ? [...entries, ...(await this.update.profile())] : entries;
  }

  /** Launches of one step. */
  get dispatches(): number {
    return this.microBatches * this.micro.dispatches + (this.update?.dispatches ?? 0);
  }

  /** Floating-point operations of one step, as far as the kernels state them. */
  get flops(): number {
    return this.microBatches * this.micro.flops + (this.update?.flops ?? 0);
  }

  /** Bytes that the planned memory takes, the sums not counted. */
  get peakBytes(): number {
    return this.micro.plan.peakBytes + (this.update?.plan.peakBytes ?? 0);
  }

  /** Bytes that no plan could do without: the largest live sets of both parts. */
  get lowerBoundBytes(): number {
    return this.micro.plan.lowerBoundBytes + (this.update?.plan.lowerBoundBytes ?? 0);
  }

  /** Gives the step's memory back. */
  destroy(): void {
    this.update?.destroy();
    this.micro.destroy();
  }
}
