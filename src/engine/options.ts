/** What an engine is made from. */
import type { ShaderSources } from './program.js';
import type { Engine } from './engine.js';
import type { TapeActions } from './tape.js';
import type { Tensor } from './tensor.js';
import type { TunedLookup } from './variants.js';

/** The two kernels that the tape needs to sum gradients; kernel modules bring them. */
export interface TapeKernels {
  /** A new tensor a + b. */
  add(engine: Engine, a: Tensor, b: Tensor): Tensor;
  /** destination += source. */
  accumulate(engine: Engine, destination: Tensor, source: Tensor): void;
}

/** What `Engine.create` takes; src/kernels/open-engine.ts fills in this library's shaders and kernels. */
export interface EngineOptions {
  /** Where the device comes from; an adapter gives one device. */
  readonly adapter: GPUAdapter;
  /** WGSL of every shader that may be launched, by name. */
  readonly shaderSources: ShaderSources;
  /** How gradients that meet at a tensor are added. */
  readonly tapeKernels: TapeKernels;
  /** Asks for Dawn's experimental subgroup matrices, where the adapter offers them. */
  readonly subgroupMatrix?: boolean;
  /** Variants to force from the start, by kernel family; see `Engine.force`. */
  readonly variants?: Readonly<Record<string, string>>;
  /** Measured winners to use before the families' rules; see `Engine.useTuned`. */
  readonly tuned?: TunedLookup;
}

/** What a tape needs of an engine. */
export function tapeActions(engine: Engine, { add, accumulate }: TapeKernels): TapeActions {
  return {
    empty: (shape, dtype, label) => engine.empty(shape, dtype, label),
    zeros: (shape, dtype) => engine.zeros(shape, dtype),
    copy: (source, destination) => engine.copy(source, destination),
    add: (a, b) => add(engine, a, b),
    accumulate: (destination, source) => accumulate(engine, destination, source),
  };
}
