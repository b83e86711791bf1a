/** Layout ops: channels in vec4 and ragged ones, odd maps, several workgroups. */
import { concatLast, gatherRows, gatherSmall, meanPool, patchify, patchMerge, transpose01 } from '../../kernels/layout/index.js';
import * as reference from '../../../test/reference/layout.js';
import { differentiable } from '../differentiable.js';
import type { VerifyCase } from '../types.js';
import { input, randomIndices } from '../values.js';

/** Nothing is computed: values are moved. */
const EXACT = 0;

function transposeCase(first: number, second: number, rest: number): VerifyCase {
  return differentiable({
    op: 'transpose01',
    name: `[${first}, ${second}, ${rest}]`,
    inputs: { x: input([first, second, rest], 41) },
    forward: (engine, { x }) => transpose01(engine, x),
    reference: ({ x }) => reference.transpose01(x, first, second),
    tolerance: EXACT,
  });
}

function concatCase(rows: number, widths: readonly [number, number, number]): VerifyCase {
  const [a, b, c] = widths.map((width, index) => input([rows, width], 42 + index));
  return differentiable({
    op: 'concatLast',
    name: `[${rows}, ${widths.join(' + ')}]`,
    inputs: { a, b, c },
    forward: (engine, tensors) => concatLast(engine, [tensors.a, tensors.b, tensors.c]),
    reference: (values) => reference.concatLast([values.a, values.b, values.c], widths),
    tolerance: EXACT,
  });
}

function mergeCase(batch: number, height: number, width: number, channels: number): VerifyCase {
  return differentiable({
    op: 'patchMerge',
    name: `[${batch}, ${height}, ${width}, ${channels}]`,
    inputs: { x: input([batch, height, width, channels], 45) },
    forward: (engine, { x }) => patchMerge(engine, x),
    reference: ({ x }) => reference.patchMerge(x, batch, height, width, channels),
    tolerance: EXACT,
  });
}

function patchCase(batch: number, height: number, width: number, channels: number, size: number): VerifyCase {
  return differentiable({
    op: 'patchify',
    name: `[${batch}, ${height}, ${width}, ${channels}], ${size}`,
    inputs: { x: input([batch, height, width, channels], 46) },
    forward: (engine, { x }) => patchify(engine, x, size),
    reference: ({ x }) => reference.patchify(x, batch, height, width, channels, size),
    tolerance: EXACT,
  });
}

function poolCase(batch: number, tokens: number, channels: number): VerifyCase {
  return differentiable({
    op: 'meanPool',
    name: `[${batch}, ${tokens}, ${channels}]`,
    inputs: { x: input([batch, tokens, channels], 47) },
    forward: (engine, { x }) => meanPool(engine, x),
    reference: ({ x }) => reference.meanPool(x, batch, tokens, channels),
  });
}

function gatherCase(rows: number, columns: number, wanted: number): VerifyCase {
  const table = input([rows, columns], 48);
  const indices = randomIndices(wanted, rows, 49);
  return {
    op: 'gatherRows',
    name: `[${rows}, ${columns}], ${wanted} rows`,
    run: (engine) => ({ y: gatherRows(engine, engine.tensor(table.data, table.shape), engine.tensor(indices, [wanted])) }),
    reference: () => ({
      y: { values: Array.from(indices, (row) => [...table.data.subarray(row * columns, (row + 1) * columns)]).flat(), tolerance: EXACT },
    }),
  };
}

/** More tensors than one launch takes, of 1 to 64 elements. */
function gatherSmallCase(count: number): VerifyCase {
  const tensors = Array.from({ length: count }, (_, index) => input([index === 0 ? 64 : 1 + ((5 * index) % 9)], 60 + index));
  return {
    op: 'gatherSmall',
    name: `${count} tensors`,
    run: (engine) => ({ y: gatherSmall(engine, tensors.map(({ data, shape }) => engine.tensor(data, shape))) }),
    reference: () => ({ y: { values: tensors.flatMap(({ data }) => [...data, ...new Array<number>(64 - data.length).fill(0)]), tolerance: EXACT } }),
  };
}

/** Cases of src/kernels/layout. */
export function layoutCases(): VerifyCase[] {
  return [
    transposeCase(19, 23, 12),
    transposeCase(31, 37, 3),
    concatCase(130, [8, 4, 12]),
    concatCase(77, [3, 1, 8]),
    mergeCase(2, 15, 12, 8),
    mergeCase(1, 9, 14, 3),
    patchCase(2, 12, 16, 8, 2),
    patchCase(2, 16, 12, 3, 4),
    poolCase(5, 49, 96),
    poolCase(3, 20, 33),
    gatherCase(50, 24, 97),
    gatherCase(40, 9, 130),
    gatherSmallCase(10),
  ];
}
