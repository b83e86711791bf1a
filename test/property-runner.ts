/** Runs properties over random inputs with fixed seeds, so that a failure can be repeated. */
import fc from 'fast-check';
import { randomValues } from './helpers.js';

/** What a failure says about the input: as much of it as a person reads. */
const MOST_CHARACTERS = 600;

/** A failed property's message. */
function failureOf<Input>(what: string, { counterexample, seed, counterexamplePath, numRuns, errorInstance }: fc.RunDetails<[Input]>): string {
  const input = fc.stringify(counterexample?.[0]).slice(0, MOST_CHARACTERS);
  const cause = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `${what}: ${cause}\nfor ${input}\n(run ${numRuns} of seed ${seed}, path ${counterexamplePath}; repeat with ZYGO_PROPERTY_SEED=${seed})`;
}

/**
 * Checks a property on `runs` random inputs; a failure names the input, the seed and the path.
 * ZYGO_PROPERTY_SEED=n takes another seed and ZYGO_PROPERTY_RUNS=k does k times as many runs.
 */
export async function property<Input>(what: string, runs: number, inputs: fc.Arbitrary<Input>, check: (input: Input) => Promise<void>): Promise<void> {
  const seed = Number(process.env.ZYGO_PROPERTY_SEED ?? 20261123);
  const numRuns = runs * Number(process.env.ZYGO_PROPERTY_RUNS ?? 1);
  // Without shrinking: every try costs a kernel compilation, and the inputs are small as they are.
  const result = await fc.check(fc.asyncProperty(inputs, check), { seed, numRuns, endOnFailure: true });
  if (result.failed) throw new Error(failureOf(what, result as fc.RunDetails<[Input]>), { cause: result.errorInstance });
}

/** A whole number from `least` to `most`. */
export const whole = (least: number, most: number): fc.Arbitrary<number> => fc.integer({ min: least, max: most });

/** Seed of an input's values. */
export const seeds: fc.Arbitrary<number> = fc.integer({ min: 1, max: 1_000_000 });

/** A tensor's shape and deterministic values in [offset − scale, offset + scale). */
export function values(shape: readonly number[], seed: number, scale = 1, offset = 0): { shape: readonly number[]; data: Float32Array<ArrayBuffer> } {
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  return { shape, data: randomValues(count, seed).map((value) => scale * value + offset) };
}
