import { ShapeError, expectShape, formatShape, type Engine, type Tensor } from '../../engine/index.js';
import { itemLaunch } from '../elementwise/geometry.js';
import { rowLaunch } from '../normalization/rows.js';
import { sumOf } from '../reduction/sum.js';

/** Options of `contrastiveCrossEntropy`. */
export interface ContrastiveOptions {
  /** Logits are divided by it. */
  readonly temperature: number;
  /** i32 [N]: columns of the row's own group other than its own column are no negatives and are left out. */
  readonly groups?: Tensor;
}

/**
 * InfoNCE (van den Oord et al. 2018): softmax cross entropy whose target is the diagonal, mean over all G·N rows;
 * differentiable.
 * @param logits [G, N, N] similarities, row i against column j
 * @returns [1]
 * @throws {ShapeError} when the logits are not square or groups is not [N]
 */
export function contrastiveCrossEntropy(engine: Engine, logits: Tensor, { temperature, groups }: ContrastiveOptions): Tensor {
  const [, count, columnCount] = logits.shape;
  if (logits.shape.length !== 3 || count !== columnCount) {
    throw new ShapeError(`contrastiveCrossEntropy: logits have shape ${formatShape(logits.shape)}, expected [G, N, N].`);
  }
  if (groups) expectShape('contrastiveCrossEntropy: groups', groups.shape, [count]);
  const { rows, columns, constants, workgroups } = rowLaunch(engine, logits, false);
  const params = { rows, columns, scale: 1 / temperature };
  const exclude = groups !== undefined;
  const groupsOf = groups ?? engine.zeros([1], 'i32');
  const rowLoss = engine.empty([rows]);
  const logSum = engine.empty([rows]);
  engine.dispatch({
    shader: 'loss/contrastive',
    constants: { LANES: constants.LANES, EXCLUDE: exclude },
    tensors: { logits, groups_of: groupsOf, row_loss: rowLoss, log_sum: logSum },
    params,
    workgroups,
    flops: 5 * logits.size,
    bytes: 4 * logits.size,
  });
  const loss = sumOf(engine, rowLoss, { factor: 1 / rows, own: true });
  engine.record('contrastiveCrossEntropy', [logits], [loss], (context) => {
    if (!context.needs(0)) return;
    const launch = itemLaunch(engine, logits.size);
    engine.dispatch({
      shader: 'loss/contrastive_backward',
      constants: { ...launch.constants, EXCLUDE: exclude },
      tensors: { logits, groups_of: groupsOf, log_sum: logSum, dloss: context.gradient(0), dlogits: context.target(0) },
      params,
      workgroups: launch.workgroups,
      flops: 4 * logits.size,
      bytes: 8 * logits.size,
    });
  });
  return loss;
}
