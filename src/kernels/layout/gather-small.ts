import { ShapeError, type Engine, type Tensor } from '../../engine/index.js';

/** Elements from one gathered tensor to the next: views start at multiples of 256 bytes. */
export const SMALL_STRIDE = 64;
/** Tensors of one launch: with the result they are the 8 storage buffers that every device takes. */
const PER_LAUNCH = 7;

/**
 * Puts small tensors into one, so that one read brings them all; not differentiable.
 * @param tensors f32, up to 64 elements each
 * @returns [64 · number of tensors]: tensor t starts at element 64 t, zeros behind its last one
 * @throws {ShapeError} for no tensor, or one that is larger
 */
export function gatherSmall(engine: Engine, tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 0 || tensors.some(({ size }) => size > SMALL_STRIDE)) {
    throw new ShapeError(`gatherSmall takes tensors of up to ${SMALL_STRIDE} elements, given ${tensors.map(({ size }) => size).join(', ') || 'none'}.`);
  }
  const y = engine.empty([tensors.length * SMALL_STRIDE], 'f32', 'gathered');
  for (let first = 0; first < tensors.length; first += PER_LAUNCH) {
    const now = tensors.slice(first, first + PER_LAUNCH);
    const at = Array.from({ length: PER_LAUNCH }, (_, place) => place);
    engine.dispatch({
      shader: 'layout/gather_small',
      tensors: { ...Object.fromEntries(at.map((place) => [`x${place}`, now[place] ?? now[0]])), y: engine.view(y, first * SMALL_STRIDE, [now.length * SMALL_STRIDE]) },
      params: Object.fromEntries(at.map((place) => [`count${place}`, now[place]?.size ?? 0])),
      workgroups: [now.length],
      bytes: 4 * (now.reduce((sum, { size }) => sum + size, 0) + now.length * SMALL_STRIDE),
    });
  }
  return y;
}
