/** Sums: lengths beyond one stage, every map, both gradients. */
import { columnSum, finishColumnSums, finishSums, mean, sum, sumOf } from '../../kernels/reduction/index.js';
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

/** Sums over rows of three tables in one launch for each width; `slices` threads share a column. */
function columnSumsCase(slices: number): VerifyCase {
  const partial = input([4096], 35, { offset: 1 });
  const sums = [
    { from: 0, to: 64, columns: 120, shares: 9, stride: 128, slices },
    { from: 1280, to: 256, columns: 8, shares: 70, stride: 16, slices: 1 },
    { from: 2430, to: 301, columns: 17, shares: 60, stride: 27, slices },
  ];
  return {
    op: 'finishColumnSums',
    name: `${sums.length} sums, ${slices} slices`,
    run(engine) {
      const y = engine.zeros([384]);
      finishColumnSums(engine, engine.tensor(partial.data, [4096]), y, sums);
      return { y };
    },
    reference() {
      const values = new Float64Array(384);
      for (const { from, to, columns, shares, stride } of sums) {
        for (let column = 0; column < columns; column++) {
          for (let share = 0; share < shares; share++) values[to + column] += partial.data[from + share * stride + column];
        }
      }
      return { y: { values, tolerance: FORWARD_TOLERANCE } };
    },
  };
}

function sumsCase(): VerifyCase {
  const sums = [
    { from: 0, to: 0, count: 1000, stride: 1, factor: 0.5, offset: 3, squareRoots: false },
    { from: 1024, to: 64, count: 70, stride: 3, factor: -2, offset: 0, squareRoots: true },
  ];
  return {
    op: 'finishSums',
    name: `${sums.length} sums`,
    run(engine) {
      const y = engine.zeros([128]);
      finishSums(engine, engine.tensor(positive.data, [COUNT]), y, sums);
      return { y };
    },
    reference() {
      const values = new Float64Array(128);
      for (const { from, to, count, stride, factor, offset, squareRoots } of sums) {
        const added = Array.from({ length: count }, (_, index) => positive.data[from + index * stride]);
        values[to] = offset + factor * total(added, squareRoots ? Math.sqrt : (value) => value);
      }
      return { y: { values, tolerance: FORWARD_TOLERANCE } };
    },
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
    columnSumsCase(1),
    columnSumsCase(16),
    sumsCase(),
  ];
}
