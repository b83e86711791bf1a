import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { splitInverse, type TransportProblem } from './problem.js';

/** −cost / ε + log prior as two-part numbers [B, n, m, 2], very negative where the prior is 0; see shaders/sinkhorn/logits.wgsl. */
export function logitsOf(engine: Engine, { cost, prior, inverseEpsilon }: TransportProblem): Tensor {
  const y = engine.empty([...cost.shape, 2], 'f32', 'sinkhorn logits');
  engine.dispatch({
    shader: 'sinkhorn/logits',
    constants: { PRIOR: prior !== undefined },
    tensors: { cost, prior: prior ?? cost, y },
    params: { count: cost.size, period: prior?.size ?? 1, ...splitInverse(inverseEpsilon) },
    workgroups: gridFor(cost.size),
  });
  return y;
}
