import { expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { itemLaunch } from '../elementwise/geometry.js';
import { partialGroups } from '../reduction/sum.js';

/**
 * Binary cross entropy with logits, mean over the known labels (0 if none is known); differentiable in the logits:
 * t w softplus(−x) + (1 − t) softplus(x).
 * @param logits [..., A]
 * @param targets the same shape. u32: 0 absent, 1 present, anything else (9 in BP4D) unknown and left out.
 *   f32: probabilities t, all of them known
 * @param positiveWeight [A], the weight w of a present label of each column
 * @returns [1]
 * @throws {ShapeError} when the shapes do not fit
 */
export function bceWithLogits(engine: Engine, logits: Tensor, targets: Tensor, positiveWeight: Tensor): Tensor {
  const columns = logits.shape[logits.shape.length - 1];
  expectShape('bceWithLogits: targets', targets.shape, logits.shape);
  expectShape('bceWithLogits: positiveWeight', positiveWeight.shape, [columns]);
  const params = { count: logits.size, columns };
  const soft = targets.dtype === 'f32';
  const constants = { label: soft ? 'f32' : 'u32', SOFT: soft };
  const groups = partialGroups(logits.size);
  const partial = engine.empty([groups, 2]);
  const loss = engine.empty([1]);
  const normaliser = engine.empty([1]);
  engine.dispatch({
    shader: 'loss/bce_partial',
    constants,
    tensors: { logits, targets, weight: positiveWeight, partial },
    params,
    workgroups: [groups],
    flops: 8 * logits.size,
    bytes: 8 * logits.size,
  });
  engine.dispatch({ shader: 'loss/bce_finish', tensors: { partial, loss, normaliser }, params: { groups }, workgroups: [1] });
  engine.record('bceWithLogits', [logits], [loss], (context) => {
    if (!context.needs(0)) return;
    const launch = itemLaunch(engine, logits.size);
    engine.dispatch({
      shader: 'loss/bce_backward',
      tensors: { logits, targets, weight: positiveWeight, normaliser, dloss: context.gradient(0), dlogits: context.target(0) },
      params,
      constants: { ...constants, ...launch.constants },
      workgroups: launch.workgroups,
      flops: 5 * logits.size,
      bytes: 12 * logits.size,
    });
  });
  return loss;
}
