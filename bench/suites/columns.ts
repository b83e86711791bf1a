/** Sums over rows, which gradients of biases and of tables end in; they have no gradient themselves. */
import type { Engine, Tensor } from '../../src/engine/index.js';
import { columnSum, finishColumnSum } from '../../src/kernels/reduction/index.js';
import { FORWARD_TOLERANCE } from '../../src/verify/index.js';
import { input } from '../../src/verify/values.js';
import type { PlainCase } from './plain.js';

function sumCase(op: string, model: string, rows: number, columns: number, launch: (engine: Engine, x: Tensor) => Tensor): PlainCase {
  return {
    op,
    shape: `[${rows}, ${columns}]`,
    model,
    pass: 'forward',
    prepare(engine) {
      // Away from 0, so that the sums have a scale.
      const { shape, data } = input([rows, columns], 27, { offset: 0.5 });
      const x = engine.tensor(data, shape);
      const step = engine.capture(op, () => launch(engine, x));
      return {
        step,
        against: 'float64 sums',
        async check() {
          const values = new Float64Array(columns);
          data.forEach((value, at) => (values[at % columns] += value));
          return [{ output: 'y', actual: await engine.read(step.outputs), expected: { values, tolerance: FORWARD_TOLERANCE } }];
        },
      };
    },
  };
}

/** Both stages. */
export const columnSumCase = (model: string, rows: number, columns: number): PlainCase => sumCase('columnSum', model, rows, columns, columnSum);

/** The second stage alone, of so many shares. */
export const columnFinishCase = (model: string, shares: number, columns: number): PlainCase =>
  sumCase('columnSum, second stage', model, shares, columns, (engine, partial) => {
    const y = engine.empty([columns]);
    finishColumnSum(engine, partial, 0, y, null, { counts: true });
    return y;
  });
