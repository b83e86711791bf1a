import { type Engine, type KernelCall, type Tensor } from '../../engine/index.js';
import { rowLaunch, rowsAndColumns } from './rows.js';
import { softmaxLaunch } from './softmax-choice.js';

/** Shader and geometry of a pass over `like`'s rows. */
function launchOf(engine: Engine, pass: 'forward' | 'backward', like: Tensor): Pick<KernelCall, 'shader' | 'constants' | 'params' | 'workgroups'> {
  const { rows, columns } = rowsAndColumns(like);
  const base = pass === 'forward' ? 'normalization/softmax' : 'normalization/softmax_backward';
  const launch = softmaxLaunch(engine, pass, rows, columns);
  if (launch) return { shader: `${base}_${launch.variant}`, constants: launch.constants, params: launch.params, workgroups: launch.workgroups };
  const reread = rowLaunch(engine, like);
  return { shader: base, constants: reread.constants, params: { rows, columns: reread.columns }, workgroups: reread.workgroups };
}

/**
 * Softmax over the last dimension, y = exp(x − max x) / Σ exp(x − max x); differentiable.
 * @param x [..., C]
 */
export function softmax(engine: Engine, x: Tensor): Tensor {
  const y = engine.empty(x.shape);
  engine.dispatch({ ...launchOf(engine, 'forward', x), tensors: { x, y }, flops: 5 * x.size, bytes: 8 * x.size });
  engine.record('softmax', [x], [y], (context) => {
    if (!context.needs(0)) return;
    engine.dispatch({
      ...launchOf(engine, 'backward', x),
      tensors: { y, dy: context.gradient(0), dx: context.target(0) },
      flops: 7 * x.size,
      bytes: 12 * x.size,
    });
  });
  return y;
}
