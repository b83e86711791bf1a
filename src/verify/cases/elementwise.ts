/** Elementwise ops: counts that are no multiple of 4 and fill several workgroups. */
import { roundToHalf } from '../../engine/index.js';
import { accumulate, add, affine, cast, filled, gelu, relu, stochasticResidual } from '../../kernels/elementwise/index.js';
import * as reference from '../../../test/reference/elementwise.js';
import { differentiable } from '../differentiable.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input } from '../values.js';

const COUNT = 9001;

/** Away from 0, where the derivative of relu jumps. */
const awayFromZero = (values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
  values.map((value) => (Math.abs(value) < 1e-3 ? 0.5 : value));

function accumulateCase(): VerifyCase {
  const [destination, source] = [input([COUNT], 3), input([COUNT], 4)];
  return {
    op: 'accumulate',
    name: `[${COUNT}]`,
    run(engine) {
      const y = engine.tensor(destination.data, [COUNT]);
      accumulate(engine, y, engine.tensor(source.data, [COUNT]));
      return { y };
    },
    reference: () => ({ y: { values: Float64Array.from(destination.data, (value, index) => value + source.data[index]), tolerance: 1e-6 } }),
  };
}

/** Draws below and above the rate of 0.25, with samples of a whole and of a broken number of vec4s. */
function stochasticCases(): VerifyCase[] {
  const draws = [0.9, 0.1, 0.25, 0.2, 0.6];
  return [[draws.length, 7, 36], [draws.length, 83]].map((shape) => {
    const perSample = shape.slice(1).reduce((product, length) => product * length, 1);
    return differentiable({
      op: 'stochasticResidual',
      name: `[${shape.join(', ')}], rate 0.25`,
      inputs: { a: input(shape, 5), b: input(shape, 6) },
      forward: (engine, { a, b }) => stochasticResidual(engine, a, b, engine.tensor(draws, [draws.length]), 0.25),
      reference: ({ a, b }) => a.map((value, index) => value + (draws[Math.floor(index / perSample)] < 0.25 ? 0 : b[index] / 0.75)),
    });
  });
}

/** Cases of src/kernels/elementwise. */
export function elementwiseCases(): VerifyCase[] {
  const x = input([COUNT], 1, { spread: 4 });
  return [
    differentiable({
      op: 'add',
      name: `[${COUNT}]`,
      inputs: { a: x, b: input([COUNT], 2) },
      forward: (engine, { a, b }) => add(engine, a, b),
      reference: ({ a, b }) => a.map((value, index) => value + b[index]),
    }),
    accumulateCase(),
    ...stochasticCases(),
    differentiable({
      op: 'affine',
      name: `[${COUNT}], 1.5 x - 0.25`,
      inputs: { x },
      forward: (engine, { x: tensor }) => affine(engine, tensor, 1.5, -0.25),
      reference: ({ x: values }) => values.map((value) => 1.5 * value - 0.25),
    }),
    {
      op: 'cast',
      name: `[${COUNT}], to f16 and back`,
      run: (engine) => ({ y: cast(engine, cast(engine, engine.tensor(x.data, [COUNT]), 'f16'), 'f32') }),
      reference: () => ({ y: { values: roundToHalf(x.data), tolerance: 0 } }),
    },
    {
      op: 'fill',
      name: `[${COUNT}], 2.5`,
      run: (engine) => ({ y: filled(engine, [COUNT], 2.5) }),
      reference: () => ({ y: { values: new Float64Array(COUNT).fill(2.5), tolerance: 0 } }),
    },
    differentiable({
      op: 'gelu',
      name: `[${COUNT}]`,
      inputs: { x },
      forward: (engine, { x: tensor }) => gelu(engine, tensor),
      reference: ({ x: values }) => reference.gelu(values),
      tolerance: FORWARD_TOLERANCE,
    }),
    differentiable({
      op: 'relu',
      name: `[${COUNT}]`,
      inputs: { x: { shape: x.shape, data: awayFromZero(x.data) } },
      forward: (engine, { x: tensor }) => relu(engine, tensor),
      reference: ({ x: values }) => reference.relu(values),
    }),
  ];
}
