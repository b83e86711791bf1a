import { ShapeError, expectShape, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth, itemLaunch } from '../elementwise/geometry.js';

/** Parts of one launch: with the whole they are seven storage buffers, of the 8 that every device takes. */
const PER_LAUNCH = 6;

/**
 * Joins tensors along the last dimension, up to six in a launch; differentiable (the gradient is the matching columns).
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
  const rows = parts[0].size / widths[0];
  const y = engine.empty([...leading, stride]);
  const { width, constants } = elementWidth(...widths);

  /** Launches for all parts, with `whole` bound as `wholeName` and each part as its place in the launch. */
  const launch = (shader: string, whole: Readonly<Record<string, Tensor>>, partName: string, tensors: readonly Tensor[], absent: () => Tensor): void => {
    for (let first = 0; first < tensors.length; first += PER_LAUNCH) {
      const places = Array.from({ length: PER_LAUNCH }, (_, place) => place);
      const columns = widths.slice(first, first + PER_LAUNCH).reduce((sum, count) => sum + count, 0);
      const items = itemLaunch(engine, (rows * columns) / width);
      engine.dispatch({
        shader,
        constants: { ...items.constants, ...constants },
        tensors: { ...whole, ...Object.fromEntries(places.map((place) => [`${partName}${place}`, tensors[first + place] ?? absent()])) },
        params: {
          rows,
          stride: stride / width,
          offset: widths.slice(0, first).reduce((sum, count) => sum + count, 0) / width,
          ...Object.fromEntries(places.map((place) => [`width${place}`, (widths[first + place] ?? 0) / width])),
        },
        workgroups: items.workgroups,
        bytes: 8 * rows * columns,
      });
    }
  };

  launch('layout/join_columns', { y }, 'x', parts, () => parts[0]);
  engine.record('concatLast', parts, [y], (context) => {
    const scratch = (shape: readonly number[]) => engine.empty(shape, 'f32', 'no part');
    const gradients = parts.map(({ shape }, index) => (context.needs(index) ? context.target(index) : scratch(shape)));
    launch('layout/part_columns', { x: context.gradient(0) }, 'y', gradients, () => scratch([4]));
  });
  return y;
}
