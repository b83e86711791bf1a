import { ShapeError, expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseGrid } from '../elementwise/geometry.js';

/**
 * Joins tensors along the last dimension; differentiable (the gradient is the matching columns).
 * @param parts [..., C_k] each, with equal leading dimensions
 * @returns [..., Σ C_k]
 * @throws {ShapeError} when there is no part or the leading dimensions differ
 */
export function concatLast(engine: Engine, parts: readonly Tensor[]): Tensor {
  if (parts.length === 0) throw new ShapeError('concatLast: expected at least one tensor, given none.');
  const leading = parts[0].shape.slice(0, -1);
  const widths = parts.map((part, index) => {
    expectShape(`concatLast: leading dimensions of part ${index}`, part.shape.slice(0, -1), leading);
    return part.shape[part.shape.length - 1];
  });
  const stride = widths.reduce((sum, width) => sum + width, 0);
  const offsets = widths.map((_, index) => widths.slice(0, index).reduce((sum, width) => sum + width, 0));
  const rows = parts[0].size / widths[0];
  const y = engine.empty([...leading, stride]);
  parts.forEach((x, index) =>
    engine.dispatch({
      shader: 'layout/write_columns',
      tensors: { x, y },
      params: { rows, columns: widths[index], stride, offset: offsets[index] },
      workgroups: elementwiseGrid(x.size),
      bytes: 8 * x.size,
    }),
  );
  engine.record('concatLast', parts, [y], (context) => {
    const dy = context.gradient(0);
    parts.forEach((part, index) => {
      if (!context.needs(index)) return;
      engine.dispatch({
        shader: 'layout/read_columns',
        tensors: { x: dy, y: context.target(index) },
        params: { rows, columns: widths[index], stride, offset: offsets[index] },
        workgroups: elementwiseGrid(part.size),
        bytes: 8 * part.size,
      });
    });
  });
  return y;
}
