import { expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { itemLaunch } from '../elementwise/geometry.js';
import { L2_EPSILON } from '../normalization/l2-normalize.js';
import { rowLaunch } from '../normalization/rows.js';
import { sumOf } from '../reduction/sum.js';

/**
 * BYOL's loss (Grill et al. 2020): mean over the rows of 2 − 2 cos(p, z), with |v| = √(Σ v² + 1e-8).
 * Differentiable in p only: z is the stopped target.
 * @param p [..., D] predictions
 * @param z the same shape, targets
 * @returns [1]
 * @throws {ShapeError} when the shapes differ
 */
export function negativeCosine(engine: Engine, p: Tensor, z: Tensor): Tensor {
  expectShape('negativeCosine: z', z.shape, p.shape);
  const { rows, columns, constants, workgroups } = rowLaunch(engine, p);
  const cosine = engine.empty([rows]);
  const inverse = engine.empty([rows, 2]);
  engine.dispatch({
    shader: 'loss/cosine',
    constants,
    tensors: { p, z, cosine, inverse },
    params: { rows, columns, epsilon: L2_EPSILON },
    workgroups,
    flops: 6 * p.size,
    bytes: 8 * p.size,
  });
  const loss = sumOf(engine, cosine, { factor: -2 / rows, offset: 2, own: true });
  engine.record('negativeCosine', [p], [loss], (context) => {
    if (!context.needs(0)) return;
    const launch = itemLaunch(engine, rows * columns);
    engine.dispatch({
      shader: 'loss/negative_cosine_backward',
      constants: { ...launch.constants, element: constants.element },
      tensors: { p, z, cosine, inverse, dloss: context.gradient(0), dp: context.target(0) },
      params: { rows, columns },
      workgroups: launch.workgroups,
      flops: 6 * p.size,
      bytes: 12 * p.size,
    });
  });
  return loss;
}
