/** The losses of a training step, batch normalisation and the transport's marginals, at a preset's sizes. */
import { bceWithLogits, contrastiveCrossEntropy, negativeCosine, priorUpdate, relationMarginals, transportLoss } from '../../src/kernels/loss/index.js';
import { batchNorm } from '../../src/kernels/normalization/index.js';
import type { Preset } from '../../src/model/presets.js';
import { FORWARD_TOLERANCE } from '../../src/verify/index.js';
import { input, randomIndices, type Input } from '../../src/verify/values.js';
import * as loss from '../../test/reference/loss.js';
import * as normalization from '../../test/reference/normalization.js';
import { byDifferences, type OpCase } from './case.js';
import type { PlainCase } from './plain.js';

const WHOLE = 'float64 reference; gradients by central differences of it along a random direction and at two places';
const ALONG = 'float64 reference; gradients by central differences of it along a random direction';

/** Targets and weights that no gradient flows to are made with the case, not differentiated. */
function lossCase(op: string, shape: string, model: string, inputs: OpCase['inputs'], forward: OpCase['forward'], reference: (values: Readonly<Record<string, Float64Array>>) => number): OpCase {
  return { op, shape, model, inputs, forward, expected: byDifferences((values) => Float64Array.of(reference(values))), against: WHOLE };
}

/** Batch normalisation over rows with statistics of the batch. */
export function batchNormCase(model: string, rows: number, columns: number): OpCase {
  return {
    op: 'batchNorm',
    shape: `[${rows}, ${columns}]`,
    model,
    inputs: () => ({ x: input([rows, columns], 121, { spread: 2, offset: 1 }), weight: input([columns], 122, { offset: 1, spread: 0.5 }), bias: input([columns], 123) }),
    forward: (engine, { x, weight, bias }) => batchNorm(engine, x, weight, bias),
    expected: byDifferences(({ x, weight, bias }) => normalization.batchNorm(x, weight, bias), false),
    against: ALONG,
  };
}

/** Negative cosine between predictions and targets. */
export function cosineCase(model: string, rows: number, columns: number): OpCase {
  const z = input([rows, columns], 124, { offset: 0.3 });
  return lossCase(
    'negativeCosine',
    `[${rows}, ${columns}]`,
    model,
    () => ({ p: input([rows, columns], 125) }),
    (engine, { p }) => negativeCosine(engine, p, engine.tensor(z.data, z.shape)),
    ({ p }) => loss.negativeCosine(p, z.data, columns),
  );
}

/** InfoNCE of `regions` matrices of logits; rows of the same face are no negatives. */
export function contrastiveCase(model: string, regions: number, faces: number): OpCase {
  const groups = Int32Array.from({ length: faces }, (_, row) => row % (faces / 2));
  return lossCase(
    'contrastiveCrossEntropy',
    `[${regions}, ${faces}, ${faces}], grouped`,
    model,
    () => ({ logits: input([regions, faces, faces], 126) }),
    (engine, { logits }) => contrastiveCrossEntropy(engine, logits, { temperature: 0.2, groups: engine.tensor(groups, [faces]) }),
    ({ logits }) => loss.contrastive(logits, faces, 0.2, groups),
  );
}

/** Weighted binary cross entropy of AU logits, a third of the labels unknown. */
export function bceCase(model: string, rows: number, columns: number): OpCase {
  const targets = randomIndices(rows * columns, 3, 127).map((value) => (value === 2 ? 9 : value));
  const weight = Float32Array.from({ length: columns }, (_, column) => 1 + 0.5 * (column % 4));
  return lossCase(
    'bceWithLogits',
    `[${rows}, ${columns}]`,
    model,
    () => ({ logits: input([rows, columns], 128, { spread: 6 }) }),
    (engine, { logits }) => bceWithLogits(engine, logits, engine.tensor(targets, [rows, columns]), engine.tensor(weight, [columns])),
    ({ logits }) => loss.bceWithLogits(logits, targets, weight),
  );
}

/** The transported cost of `faces` plans between `regions` regions. */
export function transportLossCase(model: string, faces: number, regions: number): OpCase {
  const shape = [faces, regions, regions];
  return lossCase(
    'transportLoss',
    `[${shape.join(', ')}]`,
    model,
    () => ({ plan: input(shape, 129, { offset: 1, spread: 0.9 }), cost: input(shape, 130, { offset: 1 }) }),
    (engine, { plan, cost }) => transportLoss(engine, plan, cost),
    ({ plan, cost }) => loss.transportLoss(plan, cost, faces),
  );
}

/** Rows of unit length. */
function unitRows(shape: readonly number[], seed: number): Input {
  const { data } = input(shape, seed, { offset: 0.3 });
  return { shape, data: Float32Array.from(normalization.l2Normalize(Float64Array.from(data), shape[shape.length - 1])) };
}

/** The marginals of both sides of the transport, which have no gradient. */
export function marginalsCase({ name: model, heads, regions: { actionUnits } }: Preset, faces: number): PlainCase {
  const [regions, columns] = [actionUnits.length, heads.projectionDim];
  const shape = [faces, regions, columns];
  const floor = 1e-3;
  return {
    op: 'relationMarginals',
    shape: `[${shape.join(', ')}]`,
    model,
    pass: 'forward',
    prepare(engine) {
      const [online, target] = [unitRows(shape, 131), unitRows(shape, 132)];
      const [o, t] = [online, target].map(({ data }) => engine.tensor(data, shape));
      const step = engine.capture('relation marginals', () => relationMarginals(engine, o, t, floor));
      return {
        step,
        against: 'float64 reference of every output',
        async check() {
          const of = (own: Input, other: Input) => ({ values: loss.relationMarginal(own.data, other.data, faces, regions, columns, floor), tolerance: FORWARD_TOLERANCE });
          return [
            { output: 'a', actual: await engine.read(step.outputs.a), expected: of(online, target) },
            { output: 'b', actual: await engine.read(step.outputs.b), expected: of(target, online) },
          ];
        },
      };
    },
  };
}

/** One move of the relation prior with the plans of a batch, in place. */
export function priorUpdateCase({ name: model, regions: { actionUnits } }: Preset, faces: number): PlainCase {
  const regions = actionUnits.length;
  const [decay, floor] = [0.99, 1e-4];
  return {
    op: 'priorUpdate',
    shape: `[${faces}, ${regions}, ${regions}]`,
    model,
    pass: 'step',
    prepare(engine) {
      const plans = input([faces, regions, regions], 133, { offset: 1, spread: 0.9 });
      const start = new Float32Array(regions * regions).fill(1 / regions ** 2);
      const [plan, prior] = [engine.tensor(plans.data, plans.shape), engine.tensor(start, [regions, regions])];
      const step = engine.capture('prior update', () => priorUpdate(engine, prior, plan, decay, { floor }));
      return {
        step,
        against: 'one float64 step, every element',
        async check() {
          const values = loss.priorUpdate(start, plans.data, regions, decay, floor);
          return [{ output: 'prior', actual: await engine.read(prior), expected: { values, tolerance: FORWARD_TOLERANCE } }];
        },
      };
    },
  };
}

/** Losses and normalisation of a preset's heads for the faces of both views. */
export function headCases({ name, heads, regions }: Preset, faces: number): OpCase[] {
  const units = regions.actionUnits.length;
  const { hiddenDim, projectionDim } = heads;
  return [
    batchNormCase(name, faces, units * hiddenDim),
    cosineCase(name, faces * units, projectionDim),
    contrastiveCase(name, units, faces),
    transportLossCase(name, faces, units),
    bceCase(name, faces, units),
  ];
}
