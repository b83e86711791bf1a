import { ShapeError, expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth, itemLaunch } from '../elementwise/geometry.js';

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
  const { width, constants } = elementWidth(...widths);
  const launchOf = (index: number) => {
    const launch = itemLaunch(engine, parts[index].size / width);
    return {
      constants: { ...launch.constants, ...constants },
      params: { rows, columns: widths[index] / width, stride: stride / width, offset: offsets[index] / width },
      workgroups: launch.workgroups,
      bytes: 8 * parts[index].size,
    };
  };
  parts.forEach((x, index) => engine.dispatch({ shader: 'layout/write_columns', tensors: { x, y }, ...launchOf(index) }));
  engine.record('concatLast', parts, [y], (context) => {
    const dy = context.gradient(0);
    parts.forEach((_, index) => {
      if (context.needs(index)) engine.dispatch({ shader: 'layout/read_columns', tensors: { x: dy, y: context.target(index) }, ...launchOf(index) });
    });
  });
  return y;
}
