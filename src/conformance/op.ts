/** What an op of the conformance table is, and what it is given. */
import { InputError, type Engine, type Tensor } from '../engine/index.js';
import type { CaseTensor, ConformanceCase } from './case.js';
import { CaseConfig } from './config.js';
import type { Tolerance } from './tolerance.js';

/** A case on its way through an op: its inputs on the device, and its config. */
export class OpRun {
  readonly config: CaseConfig;

  constructor(
    readonly engine: Engine,
    private readonly owner: ConformanceCase,
    private readonly uploaded: ReadonlyMap<string, Tensor>,
  ) {
    this.config = new CaseConfig(owner);
  }

  /** An input as f32. @throws {InputError} when the case does not hold it */
  input(name: string): Tensor {
    const tensor = this.uploaded.get(name);
    if (!tensor) throw this.missing(name);
    return tensor;
  }

  /** An input as f32, or null when the case does not hold it. */
  optional(name: string): Tensor | null {
    return this.uploaded.get(name) ?? null;
  }

  /** An input as the case holds it. @throws {InputError} when it does not */
  host(name: string): CaseTensor {
    const tensor = this.owner.inputs.get(name);
    if (!tensor) throw this.missing(name);
    return tensor;
  }

  /** An input as the case holds it, or null. */
  optionalHost(name: string): CaseTensor | null {
    return this.owner.inputs.get(name) ?? null;
  }

  private missing(name: string): InputError {
    const { file, op, inputs } = this.owner;
    return new InputError(`${file}: the op ${op} needs input.${name}; the case has ${[...inputs.keys()].join(', ') || 'no inputs'}.`);
  }
}

/** An op that cases can name: how it is computed with our kernels, and how close it has to come. */
export interface ConformanceOp {
  readonly tolerance: Tolerance;
  /** Inputs that a gradient can be asked for; 'param.' stands for all names that begin with it. */
  readonly differentiable: readonly string[];
  /**
   * Computes the outputs by name, on the tape that is set.
   * @throws {InputError} when the case lacks an input or its config is wrong; ZygoError when shapes do not fit
   */
  run(run: OpRun): Record<string, Tensor>;
}
