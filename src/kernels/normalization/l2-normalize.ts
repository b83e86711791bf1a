import { type Engine, type Tensor } from '../../engine/index.js';
import { rowLaunch } from './rows.js';

/** Added to the squared length: a row of zeros stays zero and its gradient is bounded (our choice). */
export const L2_EPSILON = 1e-8;

/**
 * Scales every vector of the last dimension to unit length, y = x / √(Σ x² + ε); differentiable, also at 0.
 * @param x [..., C]
 */
export function l2Normalize(engine: Engine, x: Tensor, epsilon = L2_EPSILON): Tensor {
  const { rows, columns, constants, workgroups } = rowLaunch(engine, x);
  const y = engine.empty(x.shape);
  const inverse = engine.empty([rows]);
  engine.dispatch({
    shader: 'normalization/l2_normalize',
    constants,
    tensors: { x, y, inverse },
    params: { rows, columns, epsilon },
    workgroups,
    flops: 3 * x.size,
    bytes: 8 * x.size,
  });
  engine.record('l2Normalize', [x], [y], (context) => {
    if (!context.needs(0)) return;
    const before = context.takeSum(0);
    const dy = context.gradient(0);
    engine.dispatch({
      shader: 'normalization/l2_normalize_backward',
      constants: { ...constants, ADDS: before !== null },
      tensors: { y, inverse, dy, before: before ?? dy, dx: context.target(0) },
      params: { rows, columns },
      workgroups,
      flops: (before ? 6 : 5) * x.size,
      bytes: (before ? 16 : 12) * x.size,
    });
  });
  return y;
}
