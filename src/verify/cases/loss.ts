/** Losses, relation measures and collapse measures. */
import {
  bceWithLogits,
  contrastiveCrossEntropy,
  featureStd,
  negativeCosine,
  planEntropy,
  priorUpdate,
  relationMarginals,
  transportLoss,
} from '../../kernels/loss/index.js';
import * as reference from '../../../test/reference/loss.js';
import * as normalization from '../../../test/reference/normalization.js';
import { differentiable } from '../differentiable.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input, randomIndices, type Input } from '../values.js';

/** Rows of unit length. */
function unitRows(shape: readonly number[], seed: number): Input {
  const { data } = input(shape, seed, { offset: 0.3 });
  return { shape, data: Float32Array.from(normalization.l2Normalize(Float64Array.from(data), shape[shape.length - 1])) };
}

/** Positive plans of mass 1. */
function plans(batch: number, regions: number, seed: number): Input {
  const shape = [batch, regions, regions];
  const { data } = input(shape, seed, { spread: 0.9, offset: 1 });
  const pairs = regions * regions;
  const masses = Array.from({ length: batch }, (_, b) => data.subarray(b * pairs, (b + 1) * pairs).reduce((sum, value) => sum + value, 0));
  return { shape, data: data.map((value, index) => value / masses[Math.floor(index / pairs)]) };
}

function cosineCase(rows: number, columns: number): VerifyCase {
  const z = input([rows, columns], 52, { offset: 0.3 });
  return differentiable({
    op: 'negativeCosine',
    name: `[${rows}, ${columns}]`,
    inputs: { p: input([rows, columns], 51) },
    forward: (engine, { p }) => negativeCosine(engine, p, engine.tensor(z.data, z.shape)),
    reference: ({ p }) => [reference.negativeCosine(p, z.data, columns)],
  });
}

function bceCase(): VerifyCase {
  const [rows, columns] = [700, 3];
  // Absent, present, unknown.
  const targets = randomIndices(rows * columns, 3, 53).map((value) => (value === 2 ? 9 : value));
  const weight = Float32Array.of(1, 2.5, 0.4);
  return differentiable({
    op: 'bceWithLogits',
    name: `[${rows}, ${columns}], some unknown`,
    inputs: { logits: input([rows, columns], 54, { spread: 6 }) },
    forward: (engine, { logits }) => bceWithLogits(engine, logits, engine.tensor(targets, [rows, columns]), engine.tensor(weight, [columns])),
    reference: ({ logits }) => [reference.bceWithLogits(logits, targets, weight)],
  });
}

/** Targets that are probabilities. */
function softBceCase(): VerifyCase {
  const [rows, columns] = [130, 5];
  const targets = input([rows, columns], 64, { spread: 0.5, offset: 0.5 });
  const weight = Float32Array.of(1, 2.5, 0.4, 3, 0.7);
  return differentiable({
    op: 'bceWithLogits',
    name: `[${rows}, ${columns}], probabilities`,
    inputs: { logits: input([rows, columns], 65, { spread: 6 }) },
    forward: (engine, { logits }) => bceWithLogits(engine, logits, engine.tensor(targets.data, targets.shape), engine.tensor(weight, [columns])),
    reference: ({ logits }) => {
      // A soft target is the mixture of a present and an absent label.
      const shares = [1, 0].map((label) => targets.data.map((target) => (label === 1 ? target : 1 - target)));
      const terms = Array.from(logits, (logit, index) => {
        const own = Float32Array.of(weight[index % columns]);
        return [1, 0].reduce((sum, label, side) => sum + shares[side][index] * reference.bceWithLogits([logit], [label], own), 0);
      });
      return [terms.reduce((sum, term) => sum + term, 0) / terms.length];
    },
  });
}

function contrastiveCase(matrices: number, count: number, grouped: boolean): VerifyCase {
  const groups = grouped ? Int32Array.from({ length: count }, (_, index) => index % 4) : undefined;
  return differentiable({
    op: 'contrastiveCrossEntropy',
    name: `[${matrices}, ${count}, ${count}]${grouped ? ', grouped' : ''}`,
    inputs: { logits: input([matrices, count, count], 55) },
    forward: (engine, { logits }) =>
      contrastiveCrossEntropy(engine, logits, { temperature: 0.2, ...(groups ? { groups: engine.tensor(groups, [count]) } : {}) }),
    reference: ({ logits }) => [reference.contrastive(logits, count, 0.2, groups)],
  });
}

function marginalsCase(batch: number, regions: number, columns: number): VerifyCase {
  const shape = [batch, regions, columns];
  const [o, t] = [unitRows(shape, 56), unitRows(shape, 57)];
  const of = (own: Input, other: Input) => reference.relationMarginal(own.data, other.data, batch, regions, columns, 1e-2);
  return {
    op: 'relationMarginals',
    name: `[${shape.join(', ')}]`,
    run: (engine) => relationMarginals(engine, engine.tensor(o.data, shape), engine.tensor(t.data, shape), 1e-2),
    reference: () => ({ a: { values: of(o, t), tolerance: FORWARD_TOLERANCE }, b: { values: of(t, o), tolerance: FORWARD_TOLERANCE } }),
  };
}

function priorCase(batch: number, regions: number): VerifyCase {
  const plan = plans(batch, regions, 58);
  const prior = plans(1, regions, 59).data;
  return {
    op: 'priorUpdate',
    name: `${batch} of ${regions} x ${regions}`,
    run(engine) {
      const tensor = engine.tensor(prior, [regions, regions]);
      priorUpdate(engine, tensor, engine.tensor(plan.data, plan.shape), 0.75);
      return { prior: tensor };
    },
    reference: () => ({ prior: { values: reference.priorUpdate(prior, plan.data, regions, 0.75, 1e-4), tolerance: FORWARD_TOLERANCE } }),
  };
}

function collapseCases(): VerifyCase[] {
  const [rows, columns] = [90, 17];
  const z = input([rows, columns], 60);
  const plan = plans(4, 12, 61);
  return [
    {
      op: 'featureStd',
      name: `[${rows}, ${columns}]`,
      run: (engine) => ({ y: featureStd(engine, engine.tensor(z.data, z.shape)) }),
      reference() {
        const { variance } = normalization.columnMoments(normalization.l2Normalize(Float64Array.from(z.data), columns), columns);
        return { y: { values: [variance.reduce((sum, value) => sum + Math.sqrt(value), 0) / columns], tolerance: FORWARD_TOLERANCE } };
      },
      vary: [],
    },
    {
      op: 'planEntropy',
      name: `[${plan.shape.join(', ')}]`,
      run: (engine) => ({ y: planEntropy(engine, engine.tensor(plan.data, plan.shape)) }),
      reference() {
        const entropy = -plan.data.reduce((sum, value) => sum + value * Math.log(value), 0) / (4 * Math.log(144));
        return { y: { values: [entropy], tolerance: FORWARD_TOLERANCE } };
      },
    },
  ];
}

/** Cases of src/kernels/loss. */
export function lossCases(): VerifyCase[] {
  return [
    cosineCase(150, 36),
    cosineCase(9, 203),
    bceCase(),
    softBceCase(),
    contrastiveCase(3, 37, false),
    contrastiveCase(2, 70, true),
    marginalsCase(5, 12, 64),
    marginalsCase(3, 7, 70),
    priorCase(6, 12),
    differentiable({
      op: 'transportLoss',
      name: '[37, 12, 12]',
      inputs: { plan: plans(37, 12, 62), cost: input([37, 12, 12], 63, { offset: 1 }) },
      forward: (engine, { plan, cost }) => transportLoss(engine, plan, cost),
      reference: ({ plan, cost }) => [reference.transportLoss(plan, cost, 37)],
    }),
    ...collapseCases(),
  ];
}
