/**
 * The model's parameters in one arena: values, gradients and AdamW moments are four buffers of the same layout,
 * so the optimiser and the running average each are one launch over all of them.
 */
import { RandomStream } from '../data/faces/philox.js';
import { InputError, sizeOf, type Engine, type Tensor } from '../engine/index.js';
import type { Precision } from './precision.js';

/** How a parameter starts. */
export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  /** Truncated normal, cut at two standard deviations. */
  | { readonly kind: 'normal'; readonly standardDeviation: number };

/** A parameter as a network declares it, before there is any memory for it. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  /** Whether weight decay applies: not to biases, norms and position tables. */
  readonly decay: boolean;
  /** Whether products take it as f16 in mixed precision: the weights of linear layers. */
  readonly half?: boolean;
}

/** Views of an arena start at multiples of 256 bytes, as WebGPU binds them: 128 elements, so that an f16 copy's do too. */
const ALIGNMENT = 128;
const INITIALIZATION_STREAM = 0x1417;

/** Where each parameter lies in the arena: decayed ones first, so that one number separates them. */
export interface ArenaLayout {
  readonly specs: readonly ParameterSpec[];
  readonly offsets: ReadonlyMap<string, number>;
  readonly size: number;
  /** Elements before this index are decayed. */
  readonly decayEnd: number;
}

/** @throws {InputError} when two parameters share a name. */
export function layOut(specs: readonly ParameterSpec[]): ArenaLayout {
  const ordered = [...specs.filter((spec) => spec.decay), ...specs.filter((spec) => !spec.decay)];
  const offsets = new Map<string, number>();
  let end = 0;
  let decayEnd = 0;
  for (const spec of ordered) {
    if (offsets.has(spec.name)) throw new InputError(`Two parameters are named ${spec.name}.`);
    offsets.set(spec.name, end);
    end += Math.ceil(sizeOf(spec.shape) / ALIGNMENT) * ALIGNMENT;
    if (spec.decay) decayEnd = end;
  }
  return { specs: ordered, offsets, size: end, decayEnd };
}

/** Initial values of the whole arena; a parameter's values depend on the seed and its name's place only. */
export function initialValues(layout: ArenaLayout, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(layout.size);
  layout.specs.forEach(({ name, shape, initializer }, index) => {
    const offset = layout.offsets.get(name) as number;
    const size = sizeOf(shape);
    if (initializer.kind === 'ones') values.fill(1, offset, offset + size);
    if (initializer.kind === 'normal') {
      const random = new RandomStream(seed, INITIALIZATION_STREAM, index);
      for (let element = 0; element < size; element++) values[offset + element] = random.spread(initializer.standardDeviation);
    }
  });
  return values;
}

/** What a network reads its parameters from. */
export interface ParameterLookup {
  /** 'mixed' where weights of linear layers come as f16; 'f32' when left out. */
  readonly precision?: Precision;
  /** @throws {InputError} when there is no parameter of this name. */
  get(name: string): Tensor;
}

/** Named parameters of one network. */
export class Parameters implements ParameterLookup {
  private readonly tensors = new Map<string, Tensor>();

  /**
   * @param values arena of the parameters' values
   * @param gradients arena of their gradients; absent for a network that is not trained by gradient
   */
  constructor(
    engine: Engine,
    readonly layout: ArenaLayout,
    readonly values: Tensor,
    readonly gradients: Tensor | null,
  ) {
    for (const { name, shape } of layout.specs) {
      const offset = layout.offsets.get(name) as number;
      const tensor = engine.view(values, offset, shape);
      if (gradients) {
        tensor.requiresGradient = true;
        tensor.gradient = engine.view(gradients, offset, shape);
      }
      this.tensors.set(name, tensor);
    }
  }

  /** @throws {InputError} when there is no parameter of this name. */
  get(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new InputError(`The model has no parameter ${name}.`);
    return tensor;
  }

  /** Number of values, padding not counted. */
  get count(): number {
    return this.layout.specs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
  }
}

/** Uploads initial values and makes the arenas of a trained network. */
export function makeParameters(engine: Engine, layout: ArenaLayout, seed: number, trained: boolean): Parameters {
  const values = engine.tensor(initialValues(layout, seed), [layout.size], 'f32', 'parameters');
  const gradients = trained ? engine.zeros([layout.size], 'f32', 'gradients') : null;
  return new Parameters(engine, layout, values, gradients);
}
