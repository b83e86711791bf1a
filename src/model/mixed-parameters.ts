/** A network's parameters as a training step of mixed precision computes with them. */
import type { Engine, Tensor } from '../engine/index.js';
import { castInto } from '../kernels/elementwise/index.js';
import type { ParameterLookup, Parameters } from './parameters.js';
import type { Precision } from './precision.js';

/** f16 copies of the weights of linear layers; everything else is the network's own. */
class MixedParameters implements ParameterLookup {
  readonly precision = 'mixed';
  private readonly copies = new Map<string, Tensor>();

  constructor(
    engine: Engine,
    private readonly masters: Parameters,
  ) {
    const { layout, values } = masters;
    const arena = engine.empty([layout.size], 'f16', 'f16 parameters');
    castInto(engine, values, arena);
    for (const { name, shape, half } of layout.specs) {
      if (!half) continue;
      const copy = engine.view(arena, layout.offsets.get(name) as number, shape);
      const master = masters.get(name);
      copy.requiresGradient = master.requiresGradient;
      // The copy's gradient is the master's: f32, in the arena that the optimiser reads.
      copy.gradient = master.gradient;
      this.copies.set(name, copy);
    }
  }

  get(name: string): Tensor {
    return this.copies.get(name) ?? this.masters.get(name);
  }
}

/**
 * The parameters for one training step: in f32 as they are; in mixed precision with f16 copies of the weights of
 * linear layers, all made now in one launch over the arena. Their gradients go to the f32 parameters.
 */
export function stepParameters(engine: Engine, parameters: Parameters, precision: Precision): ParameterLookup {
  return precision === 'mixed' ? new MixedParameters(engine, parameters) : parameters;
}
