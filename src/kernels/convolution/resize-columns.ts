import { gridFor, type Engine, type Tensor } from '../../engine/index.js';

function run(engine: Engine, x: Tensor, y: Tensor, given: number, wanted: number): void {
  engine.dispatch({
    shader: 'convolution/resize_columns',
    tensors: { x, y },
    params: { count: y.size, given, wanted },
    workgroups: gridFor(y.size),
    bytes: 4 * (x.size + y.size),
  });
}

/**
 * Zero columns behind the last one, so that rows begin where vector loads can; differentiable.
 * @param x [rows, columns]
 * @param columns at least those of x
 * @returns [rows, columns]; x itself when it has that many
 */
export function padColumns(engine: Engine, x: Tensor, columns: number): Tensor {
  const [rows, given] = x.shape;
  if (given === columns) return x;
  const y = engine.empty([rows, columns]);
  run(engine, x, y, given, columns);
  engine.record('padColumns', [x], [y], (context) => {
    if (context.needs(0)) cropColumns(engine, context.gradient(0), context.target(0));
  });
  return y;
}

/**
 * The first columns of a matrix, the gradient of padding; not differentiable.
 * @param x [rows, columns]
 * @param y [rows, fewer columns], overwritten
 */
export function cropColumns(engine: Engine, x: Tensor, y: Tensor): void {
  run(engine, x, y, x.shape[1], y.shape[1]);
}
