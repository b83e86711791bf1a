/** Sums: lengths beyond one stage, every map, both gradients. */
import { columnSum, mean, sum, sumOf } from '../../kernels/reduction/index.js';
import { differentiable } from '../differentiable.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input } from '../values.js';

const COUNT = 5003;
/** Positive, so that no sum cancels. */
const positive = input([COUNT], 31, { spread: 0.9, offset: 1 });

const total = (values: ArrayLike<number>, map: (value: number) => number): number => {
  let result = 0;
  for (let index = 0; index < values.length; index++) result += map(values[index]);
  return result;
};

function sumCase(map: 'square' | 'xLogX', value: (x: number) => number): VerifyCase {
  return {
    op: 'sumOf',
    name: `[${COUNT}], ${map}`,
    run: (engine) => ({ y: sumOf(engine, engine.tensor(positive.data, [COUNT]), { map, factor: 0.5, offset: 3 }) }),
    reference: () => ({ y: { values: [3 + 0.5 * total(positive.data, value)], tolerance: FORWARD_TOLERANCE } }),
  };
}

/** Cases of src/kernels/reduction. */
export function reductionCases(): VerifyCase[] {
  const [rows, columns] = [333, 28];
  const table = input([rows, columns], 32, { offset: 1 });
  const columnSums = (width: number): VerifyCase => ({
    op: 'columnSum',
    name: `[${(rows * columns) / width}, ${width}]`,
    run: (engine) => ({ y: columnSum(engine, engine.tensor(table.data, [(rows * columns) / width, width])) }),
    reference() {
      const values = new Float64Array(width);
      table.data.forEach((value, index) => (values[index % width] += value));
      return { y: { values, tolerance: FORWARD_TOLERANCE } };
    },
  });
  return [
    differentiable({
      op: 'sum',
      name: `[${COUNT}]`,
      inputs: { x: positive },
      forward: (engine, { x }) => sum(engine, x),
      reference: ({ x }) => [total(x, (value) => value)],
    }),
    differentiable({
      op: 'mean',
      name: `[900]`,
      inputs: { x: input([900], 33, { offset: 1 }) },
      forward: (engine, { x }) => mean(engine, x),
      reference: ({ x }) => [total(x, (value) => value) / 900],
    }),
    sumCase('square', (x) => x * x),
    sumCase('xLogX', (x) => x * Math.log(x)),
    columnSums(columns),
    columnSums(7),
  ];
}
