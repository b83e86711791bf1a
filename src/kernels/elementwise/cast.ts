/** Between f32 and f16. */
import { formatShape, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { elementwiseLaunch } from './geometry.js';

/**
 * destination = source, converted between f32 and f16: to the nearest, ties to even; beyond ±65504 (from 65520 on)
 * infinity; NaN stays NaN; f16 to f32 is exact. Not on the tape. For whole arenas: one launch for all parameters.
 * @param source any shape, f32 or f16
 * @param destination as many elements, of the other dtype
 * @param options counts: false where the copy is a way of computing an op that states what it must move itself
 * @throws {ShapeError} unless sizes are equal and one is f32, the other f16
 */
export function castInto(engine: Engine, source: Tensor, destination: Tensor, { counts = true }: { readonly counts?: boolean } = {}): void {
  const toHalf = source.dtype === 'f32' && destination.dtype === 'f16';
  if (source.size !== destination.size || (!toHalf && !(source.dtype === 'f16' && destination.dtype === 'f32'))) {
    throw new ShapeError(
      `castInto converts f32 to f16 or back, of equal sizes; given ${source.dtype} ${formatShape(source.shape)} and ${destination.dtype} ${formatShape(destination.shape)}.`,
    );
  }
  engine.dispatch({
    shader: toHalf ? 'elementwise/to_half' : 'elementwise/from_half',
    tensors: { x: source, y: destination },
    params: { count: source.size },
    ...elementwiseLaunch(engine, source.size),
    label: toHalf ? 'f32 to f16' : 'f16 to f32',
    bytes: counts ? 6 * source.size : 0,
  });
}

/** x in f32 for a kernel that takes nothing else: itself, or a copy that nothing keeps and that is no necessary work. Not on the tape. */
export function inSingle(engine: Engine, x: Tensor): Tensor {
  if (x.dtype === 'f32') return x;
  const copy = engine.empty(x.shape, 'f32', 'f32 copy');
  castInto(engine, x, copy, { counts: false });
  return copy;
}

/**
 * x in another dtype, see `castInto`; differentiable. The gradient is converted back; one that comes in x's dtype
 * already (products give those of f16 weights in f32) is handed on as it is.
 * @param x any shape, f32 or f16
 * @returns x itself when it has the dtype
 */
export function cast(engine: Engine, x: Tensor, dtype: 'f32' | 'f16'): Tensor {
  if (x.dtype === dtype) return x;
  const y = engine.empty(x.shape, dtype, `${dtype} copy`);
  castInto(engine, x, y);
  engine.record('cast', [x], [y], (context) => {
    if (!context.needs(0)) return;
    const dy = context.gradient(0);
    if (dy.dtype === x.dtype) context.set(0, dy);
    else castInto(engine, dy, context.target(0));
  });
  return y;
}
