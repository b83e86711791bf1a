/** The face at rest: the canonical mesh with its lips closed and its eyes open as in an awake person. */
import { LIP_RINGS, RIGHT_EYE_UPPER, RIGHT_LID_FOLD_UPPER, type FaceTopology } from './mesh-topology.js';

/** Height by which the canonical mesh's narrow eyes are opened at the middle of the upper lid, cm: our choice. */
const LID_OPENING = 0.16;

/**
 * [468, 3] centimetres. The canonical mesh's lips stand 0.55 cm apart; here the inner borders meet on one line and
 * the lips keep their outer borders, the lower lip's coming up a little.
 */
export function restShape(topology: FaceTopology): Float32Array {
  const shape = topology.mesh.positions.slice();
  const last = LIP_RINGS.length - 1;
  const inner = LIP_RINGS[last];
  for (let column = 1; column < inner.upper.length - 1; column++) {
    const up = inner.upper[column];
    const low = inner.lower[column];
    // The line lies nearer to the upper lip: the lower lip of the open canonical mouth hangs.
    const lineY = 0.6 * shape[3 * up + 1] + 0.4 * shape[3 * low + 1];
    const lineZ = 0.5 * (shape[3 * up + 2] + shape[3 * low + 2]);
    const lineX = 0.5 * (shape[3 * up] + shape[3 * low]);
    const shiftUp = [lineX - shape[3 * up], lineY - shape[3 * up + 1], lineZ - shape[3 * up + 2]];
    const shiftLow = [lineX - shape[3 * low], lineY - shape[3 * low + 1], lineZ - shape[3 * low + 2]];
    for (let ring = 0; ring <= last; ring++) {
      const share = ring / last;
      for (let k = 0; k < 3; k++) {
        shape[3 * LIP_RINGS[ring].upper[column] + k] += share * shiftUp[k];
        shape[3 * LIP_RINGS[ring].lower[column] + k] += (0.35 + 0.65 * share) * shiftLow[k];
      }
    }
  }
  for (let column = 1; column < RIGHT_EYE_UPPER.length - 1; column++) {
    const lift = LID_OPENING * Math.sin((Math.PI * column) / (RIGHT_EYE_UPPER.length - 1));
    for (const vertex of [RIGHT_EYE_UPPER[column], RIGHT_LID_FOLD_UPPER[column]]) {
      shape[3 * vertex + 1] += lift;
      shape[3 * topology.mirror[vertex] + 1] += lift;
    }
  }
  return shape;
}
