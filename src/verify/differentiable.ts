/** Cases of differentiable ops: the forward values, and gradients against central differences of the reference. */
import type { Engine, Tensor } from '../engine/index.js';
import { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected, type VerifyCase } from './types.js';
import { randomSigns, randomValues, type Input } from './values.js';

/** Step of the central differences: in float64 both the cut-off and the rounding error stay below 1e-9. */
const STEP = 1e-5;

/** Elements of each gradient that are compared one by one; all others count through a projection. */
const SAMPLES = 24;

/**
 * A differentiable op on fixed inputs, on the device and in float64; {@link differentiable} makes a case of it.
 * @typeParam Name the names of its differentiable inputs
 */
export interface DifferentiableCase<Name extends string> {
  /** As in VerifyCase. */
  readonly op: string;
  readonly name: string;
  /** Differentiable inputs by name. */
  readonly inputs: Readonly<Record<Name, Input>>;
  /** The op on the device. */
  forward(engine: Engine, inputs: Readonly<Record<Name, Tensor>>): Tensor;
  /** The same in float64: inputs to the flat output. */
  reference(inputs: Readonly<Record<Name, Float64Array>>): ArrayLike<number>;
  /** Largest relative error of the output and of the gradients; FORWARD_TOLERANCE and GRADIENT_TOLERANCE by default. */
  readonly tolerance?: number;
  readonly gradientTolerance?: number;
  /** As in VerifyCase. */
  readonly vary?: readonly string[];
}

/** Evenly spread places, with the first and the last. */
function places(count: number): number[] {
  const samples = Math.min(SAMPLES, count);
  const spread = Array.from({ length: samples }, (_, index) => Math.floor(((index + 0.5) * count) / samples));
  return [...new Set([0, ...spread, count - 1])];
}

/** dL/d x of the reference at some places and along one direction; x is put back as it was. */
function expectedGradient(x: Float64Array, loss: () => number, tolerance: number): Expected {
  const difference = (move: (sign: number) => void): number => {
    const kept = x.slice();
    const [above, below] = [1, -1].map((sign) => {
      move(sign);
      const value = loss();
      x.set(kept);
      return value;
    });
    return (above - below) / (2 * STEP);
  };
  const at = places(x.length);
  const values = at.map((place) => difference((sign) => (x[place] += sign * STEP)));
  const weights = randomSigns(x.length, 991);
  const value = difference((sign) => weights.forEach((weight, index) => (x[index] += sign * STEP * weight)));
  return { values, at, projection: { weights, value }, tolerance };
}

/** A case whose loss is the inner product of the op's output with fixed random weights. */
export function differentiable<Name extends string>(given: DifferentiableCase<Name>): VerifyCase {
  const { op, name, inputs, forward, reference, tolerance = FORWARD_TOLERANCE, gradientTolerance = GRADIENT_TOLERANCE, vary } = given;
  const names = Object.keys(inputs) as Name[];
  const byName = <T>(make: (input: Input) => T): Record<Name, T> =>
    Object.fromEntries(names.map((key) => [key, make(inputs[key])])) as Record<Name, T>;
  return {
    op,
    name,
    vary,
    run(engine) {
      const tensors = byName(({ data, shape }) => engine.tensor(data, shape));
      return engine.withTape((tape) => {
        for (const key of names) tape.watch(tensors[key]);
        const y = forward(engine, tensors);
        tape.backward([[y, engine.tensor(randomValues(y.size, 77), y.shape)]]);
        const outputs: Record<string, Tensor> = { y };
        for (const key of names) outputs[`d/d ${key}`] = tape.gradientOf(tensors[key]) ?? engine.zeros(tensors[key].shape);
        return outputs;
      });
    },
    reference() {
      const doubles = byName(({ data }) => Float64Array.from(data));
      const y = Float64Array.from(reference(doubles));
      const weights = randomValues(y.length, 77);
      const loss = (): number => {
        const values = reference(doubles);
        let sum = 0;
        for (let index = 0; index < values.length; index++) sum += values[index] * weights[index];
        return sum;
      };
      const outputs: Record<string, Expected> = { y: { values: y, tolerance } };
      for (const key of names) outputs[`d/d ${key}`] = expectedGradient(doubles[key], loss, gradientTolerance);
      return outputs;
    },
  };
}
