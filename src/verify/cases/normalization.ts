/** Normalisations and softmax: rows of vec4, ragged rows, and more rows than a workgroup has threads. */
import { cast } from '../../kernels/elementwise/index.js';
import { batchNorm, columnMoments, l2Normalize, layerNorm, softmax } from '../../kernels/normalization/index.js';
import * as reference from '../../../test/reference/normalization.js';
import { differentiable } from '../differentiable.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input, type Input } from '../values.js';

/** Rows of vec4; ragged rows that are longer than the widest team of lanes. */
const SHAPES: readonly (readonly [rows: number, columns: number])[] = [
  [150, 48],
  [7, 203],
];

const rowsOf = (rows: number, columns: number): Input => input([rows, columns], 21, { spread: 2 });
const weightsOf = (columns: number): Input => input([columns], 22, { spread: 0.5, offset: 1 });

function batchNormCases(): VerifyCase[] {
  const [rows, columns] = [150, 36];
  // A wide layer of many rows, whose statistics are sums of more than one stage.
  const inputs = { x: input([rows, columns], 24, { spread: 2, offset: 1 }), weight: weightsOf(columns), bias: input([columns], 23) };
  const start = Float32Array.from({ length: 2 * columns }, (_, index) => (index < columns ? 0.25 : 1.5));
  const running = { mean: [...start.subarray(0, columns)], variance: [...start.subarray(columns)] };
  const moments = reference.columnMoments(inputs.x.data, columns);
  // Few rows: one launch, with vectors and without, with ReLU and without.
  const fewRows = [[48, 20], [9, 7]].flatMap(([few, width]) => {
    const given = { x: input([few, width], 26, { spread: 2, offset: 1 }), weight: weightsOf(width), bias: input([width], 27) };
    return (['none', 'relu'] as const).map((activation) =>
      differentiable({
        op: 'batchNorm',
        name: `[${few}, ${width}], training${activation === 'relu' ? ', ReLU' : ''}`,
        inputs: given,
        forward: (engine, { x, weight, bias }) => batchNorm(engine, x, weight, bias, { activation }),
        reference: ({ x, weight, bias }) => {
          const y = reference.batchNorm(x, weight, bias);
          return activation === 'relu' ? y.map((value) => Math.max(value, 0)) : y;
        },
      }),
    );
  });
  return [
    differentiable({
      op: 'batchNorm',
      name: `[${rows}, ${columns}], training`,
      inputs,
      forward: (engine, { x, weight, bias }) => batchNorm(engine, x, weight, bias),
      reference: ({ x, weight, bias }) => reference.batchNorm(x, weight, bias),
    }),
    ...fewRows,
    differentiable({
      op: 'batchNorm',
      name: `[${rows}, ${columns}], evaluation`,
      inputs,
      forward: (engine, { x, weight, bias }) => batchNorm(engine, x, weight, bias, { training: false, running: engine.tensor(start, [2, columns]) }),
      reference: ({ x, weight, bias }) => reference.batchNorm(x, weight, bias, running),
    }),
    {
      op: 'batchNorm',
      name: `[${rows}, ${columns}], running statistics`,
      run(engine) {
        const tensor = engine.tensor(start, [2, columns]);
        const [x, weight, bias] = [inputs.x, inputs.weight, inputs.bias].map(({ data, shape }) => engine.tensor(data, shape));
        batchNorm(engine, x, weight, bias, { running: tensor, momentum: 0.25 });
        return { running: tensor };
      },
      reference: () => ({
        running: {
          values: [
            ...moments.mean.map((value, c) => 0.75 * running.mean[c] + 0.25 * value),
            ...moments.variance.map((value, c) => 0.75 * running.variance[c] + (0.25 * value * rows) / (rows - 1)),
          ],
          tolerance: FORWARD_TOLERANCE,
        },
      }),
      vary: ['column-shares'],
    },
    {
      op: 'columnMoments',
      name: '[333, 7]',
      run: (engine) => ({ moments: columnMoments(engine, engine.tensor(input([333, 7], 25, { offset: 3 }).data, [333, 7])) }),
      reference() {
        const { mean, variance } = reference.columnMoments(input([333, 7], 25, { offset: 3 }).data, 7);
        return { moments: { values: mean.flatMap((value, c) => [value, variance[c]]), tolerance: FORWARD_TOLERANCE } };
      },
    },
  ];
}

/** A result in f16: it, and the gradient that comes back, are rounded to 11 bits. */
function halfLayerNormCase(): VerifyCase {
  const [rows, columns] = SHAPES[0];
  return differentiable({
    op: 'layerNorm',
    name: `[${rows}, ${columns}], result f16`,
    inputs: { x: rowsOf(rows, columns), weight: weightsOf(columns), bias: input([columns], 23) },
    forward: (engine, { x, weight, bias }) => cast(engine, layerNorm(engine, x, weight, bias, { output: 'f16' }), 'f32'),
    reference: ({ x, weight, bias }) => reference.layerNorm(x, weight, bias),
    tolerance: 5e-4,
    gradientTolerance: 1e-3,
  });
}

/** Cases of src/kernels/normalization. */
export function normalizationCases(): VerifyCase[] {
  const perShape = SHAPES.flatMap(([rows, columns]) => {
    const name = `[${rows}, ${columns}]`;
    const x = rowsOf(rows, columns);
    return [
      differentiable({
        op: 'layerNorm',
        name,
        inputs: { x, weight: weightsOf(columns), bias: input([columns], 23) },
        forward: (engine, tensors) => layerNorm(engine, tensors.x, tensors.weight, tensors.bias),
        reference: (values) => reference.layerNorm(values.x, values.weight, values.bias),
      }),
      differentiable({
        op: 'softmax',
        name,
        inputs: { x },
        forward: (engine, tensors) => softmax(engine, tensors.x),
        reference: (values) => reference.softmax(values.x, columns),
      }),
      differentiable({
        op: 'l2Normalize',
        name,
        inputs: { x },
        forward: (engine, tensors) => l2Normalize(engine, tensors.x),
        reference: (values) => reference.l2Normalize(values.x, columns),
      }),
    ];
  });
  return [...perShape, halfLayerNormCase(), ...batchNormCases()];
}
