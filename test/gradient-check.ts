/** Compares an op's forward and backward with a float64 reference and central finite differences of it. */
import assert from 'node:assert/strict';
import { type Engine, type Tensor } from '../src/engine/index.js';
import { randomValues, relativeError } from './helpers.js';

export interface GradientCheck {
  engine: Engine;
  /** What is checked, for messages. */
  name: string;
  /** Differentiable inputs. */
  inputs: readonly { shape: readonly number[]; data: ArrayLike<number> }[];
  /** The op on the device: one output tensor. */
  forward: (inputs: Tensor[]) => Tensor;
  /** The same in float64: inputs to the flat output. */
  reference: (inputs: Float64Array[]) => ArrayLike<number>;
  /** Relative to the largest magnitude; 2e-5 forward and 2e-4 backward by default (f32 sums of short length). */
  forwardTolerance?: number;
  backwardTolerance?: number;
  /** Step of the central differences in float64. */
  step?: number;
  /** Elements of each input that are checked by differences at most (spread evenly). */
  samples?: number;
}

/** Runs the check; the loss is the inner product of the output with fixed random weights. */
export async function checkGradients(check: GradientCheck): Promise<void> {
  const { engine, name, inputs, reference, forward, forwardTolerance = 2e-5, backwardTolerance = 2e-4, step = 1e-5, samples = 24 } = check;
  await engine.scope(async () => {
    const tensors = inputs.map(({ data, shape }) => engine.tensor(Float32Array.from(data), shape));
    const doubles = inputs.map(({ data }) => Float64Array.from(Float32Array.from(data)));
    const { output, gradients, weights } = engine.withTape((tape) => {
      for (const tensor of tensors) tape.watch(tensor);
      const y = forward(tensors);
      const cotangent = randomValues(y.size, 77);
      tape.backward([[y, engine.tensor(cotangent, y.shape)]]);
      return { output: y, weights: cotangent, gradients: tensors.map((tensor) => tape.gradientOf(tensor)) };
    });
    const expected = reference(doubles);
    const forwardError = relativeError(await engine.read(output), expected);
    assert.ok(forwardError <= forwardTolerance, `${name} forward: relative error ${forwardError.toExponential(2)} exceeds ${forwardTolerance}`);
    const loss = (): number => {
      const y = reference(doubles);
      let sum = 0;
      for (let index = 0; index < y.length; index++) sum += y[index] * weights[index];
      return sum;
    };
    for (const [index, gradient] of gradients.entries()) {
      assert.ok(gradient, `${name}: input ${index} received no gradient`);
      const analytic = await engine.read(gradient);
      const values = doubles[index];
      const stride = Math.max(1, Math.floor(values.length / samples));
      const sampled: number[] = [];
      const differences: number[] = [];
      for (let element = 0; element < values.length; element += stride) {
        const kept = values[element];
        values[element] = kept + step;
        const above = loss();
        values[element] = kept - step;
        const below = loss();
        values[element] = kept;
        differences.push((above - below) / (2 * step));
        sampled.push(analytic[element]);
      }
      // Relative to the whole gradient's largest magnitude: a sample may fall on small entries only.
      const largest = Math.max(...Array.from(analytic, Math.abs), 1e-12);
      const worst = Math.max(...differences.map((difference, at) => (Number.isFinite(sampled[at]) ? Math.abs(difference - sampled[at]) : Infinity)));
      const error = worst / largest;
      assert.ok(error <= backwardTolerance, `${name} gradient of input ${index}: relative error ${error.toExponential(2)} exceeds ${backwardTolerance}`);
    }
  });
}
