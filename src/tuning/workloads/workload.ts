import type { CapturedStep, Engine, Tensor } from '../../engine/index.js';

/** A problem with data of its shapes, ready to be captured in any variant that the engine is told to use. */
export interface Workload {
  /** Traces the launches to be timed; what comes back is compared between variants. Not prepared yet. */
  capture(): CapturedStep<readonly Tensor[]>;
  /** Puts back what the launches overwrite, where they work in place. */
  reset(): void;
}

/** A workload that reads inputs and writes elsewhere: only its launches have to be told. */
export function plainWorkload(engine: Engine, launches: () => readonly Tensor[]): Workload {
  return { capture: () => engine.capture('candidate', launches), reset: () => {} };
}

/**
 * A workload of a backward pass alone: the forward pass runs when it is captured and is not timed.
 * @param forward its output and the tensors whose gradients are wanted
 */
export function backwardWorkload(engine: Engine, inputs: readonly Tensor[], forward: () => Tensor, dy: Tensor): Workload {
  return {
    capture: () =>
      engine.withTape((tape) => {
        for (const input of inputs) tape.watch(input);
        const y = forward();
        return engine.capture('candidate', () => {
          tape.backward([[y, dy]]);
          return inputs.flatMap((input) => tape.gradientOf(input) ?? []);
        });
      }),
    reset: () => {},
  };
}
