/** Ops that move features about, and the residual sum of stochastic depth. */
import { stochasticResidual } from '../../src/kernels/elementwise/index.js';
import { concatLast, gatherRows, patchify, transpose01 } from '../../src/kernels/layout/index.js';
import { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { input, randomValues } from '../../src/verify/values.js';
import * as layout from '../../test/reference/layout.js';
import { byDifferences, repeated, repeatedInput, type OpCase } from './case.js';
import { WHOLE } from './ops.js';
import type { PlainCase } from './plain.js';

/** x + f z over maps of a stage, with a factor of 0 or 1 / (1 − rate) for each image. */
export function stochasticResidualCase(model: string, shape: readonly number[], rate: number): OpCase {
  const [images, ...rest] = shape;
  const each = rest.reduce((product, length) => product * length, 1);
  const draws = randomValues(images, 43).map((value) => (value + 1) / 2);
  const scaled = (z: Float64Array): Float64Array => z.map((value, at) => (draws[Math.floor(at / each)] < rate ? 0 : value / (1 - rate)));
  return {
    op: 'stochasticResidual',
    shape: `[${shape.join(', ')}], rate ${rate}`,
    model,
    inputs: () => ({ x: input(shape, 44), z: input(shape, 45) }),
    forward: (engine, { x, z }) => stochasticResidual(engine, x, z, engine.tensor(draws, [images]), rate),
    expected: ({ inputs: { x, z }, dy }, wanted) => {
      const outputs: Record<string, () => Expected> = {
        y: () => ({ values: scaled(z).map((value, at) => x[at] + value), tolerance: FORWARD_TOLERANCE }),
        'd/d x': () => ({ values: dy, tolerance: GRADIENT_TOLERANCE }),
        'd/d z': () => ({ values: scaled(dy), tolerance: GRADIENT_TOLERANCE }),
      };
      return Object.fromEntries(Object.entries(outputs).flatMap(([output, make]) => (wanted(output) ? [[output, make()]] : [])));
    },
    against: 'float64 reference of every output and gradient',
  };
}

/** [rows, regions, columns] to [regions, rows, columns], as before the contrast of regions. */
export function transposeCase(model: string, rows: number, regions: number, columns: number): OpCase {
  return {
    op: 'transpose01',
    shape: `[${rows}, ${regions}, ${columns}]`,
    model,
    inputs: () => ({ x: input([rows, regions, columns], 46) }),
    forward: (engine, { x }) => transpose01(engine, x),
    expected: byDifferences(({ x }) => layout.transpose01(x, rows, regions)),
    against: WHOLE,
  };
}

/** Region features of several stages side by side. */
export function concatCase(model: string, rows: readonly number[], widths: readonly number[]): OpCase {
  const parts = widths.map((_, at) => `x${at}`);
  return {
    op: 'concatLast',
    shape: `[${rows.join(', ')}, ${widths.join(' + ')}]`,
    model,
    inputs: () => Object.fromEntries(parts.map((part, at) => [part, input([...rows, widths[at]], 47 + at)])),
    forward: (engine, tensors) => concatLast(engine, parts.map((part) => tensors[part])),
    expected: byDifferences((values) => layout.concatLast(parts.map((part) => values[part]), widths)),
    against: WHOLE,
  };
}

/** The patches of images, which a linear layer embeds. */
export function patchifyCase(model: string, batch: number, size: number, patch: number): OpCase {
  return {
    op: 'patchify',
    shape: `[${batch}, ${size}, ${size}, 3], ${patch} x ${patch}`,
    model,
    inputs: () => ({ x: repeatedInput(input([1, size, size, 3], 48), batch) }),
    forward: (engine, { x }) => patchify(engine, x, patch),
    expected: repeated(batch, ['x'], byDifferences(({ x }) => layout.patchify(x, 1, size, size, 3, patch))),
    against: WHOLE,
    period: 3 * size * size,
  };
}

/** Rows [v1; v2] of two views as [v2; v1], which has no gradient. */
export function gatherRowsCase(model: string, rows: number, columns: number): PlainCase {
  return {
    op: 'gatherRows',
    shape: `[${rows}, ${columns}]`,
    model,
    pass: 'forward',
    prepare(engine) {
      const { shape, data } = input([rows, columns], 49);
      const order = Uint32Array.from({ length: rows }, (_, row) => (row + Math.floor(rows / 2)) % rows);
      const [table, indices] = [engine.tensor(data, shape), engine.tensor(order, [rows])];
      const step = engine.capture('gather rows', () => gatherRows(engine, table, indices));
      return {
        step,
        against: 'every element',
        async check() {
          const values = Float64Array.from(data, (_, at) => data[order[Math.floor(at / columns)] * columns + (at % columns)]);
          return [{ output: 'y', actual: await engine.read(step.outputs), expected: { values, tolerance: FORWARD_TOLERANCE } }];
        },
      };
    },
  };
}
