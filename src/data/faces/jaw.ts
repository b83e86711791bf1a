/** The lower jaw: a hinge in front of the ears that carries chin, lower lip and lower cheeks. */
import { MESH_VERTEX_COUNT } from './canonical-mesh.js';
import { LIP_RINGS, type FaceTopology } from './mesh-topology.js';

/** Angle of a full jaw drop (AU 26 at intensity 5), radians: teeth about 2.2 cm apart, our choice. */
const FULL_DROP = 0.19;
/** Height and depth of the hinge (the jaw joint lies just before the ear), cm in the canonical mesh. */
const HINGE_Y = 0.2;
const HINGE_Z = -2.6;
/** Relaxation sweeps of the weights; they change by less than 1e-3 after about 300. */
const SWEEPS = 400;

/** Weight 1 follows the jaw, 0 stays with the skull. */
export class JawHinge {
  private readonly weight: Float32Array;

  constructor(topology: FaceTopology, rest: Float32Array) {
    this.weight = jawWeights(topology, rest);
  }

  /**
   * Rotates the jaw's part of `shape` ([468, 3] cm) in place.
   * @param amount 0 (closed) to 1 (AU 26 at intensity 5).
   * @returns the angle in radians.
   */
  open(shape: Float32Array, amount: number): number {
    const angle = FULL_DROP * amount;
    if (angle === 0) return 0;
    for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
      const turn = angle * this.weight[v];
      const y = shape[3 * v + 1] - HINGE_Y;
      const z = shape[3 * v + 2] - HINGE_Z;
      shape[3 * v + 1] = HINGE_Y + y * Math.cos(turn) - z * Math.sin(turn);
      shape[3 * v + 2] = HINGE_Z + z * Math.cos(turn) + y * Math.sin(turn);
    }
    return angle;
  }
}

/** Harmonic weights on the skin's graph: 1 on chin and lower lip, 0 above the mouth, smooth in between. */
function jawWeights(topology: FaceTopology, rest: Float32Array): Float32Array {
  const fixed = new Float32Array(MESH_VERTEX_COUNT).fill(Number.NaN);
  for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
    const [x, y] = [Math.abs(rest[3 * v]), rest[3 * v + 1]];
    if (y > -2.6 + 0.1 * Math.max(0, x - 2)) fixed[v] = 0;
    if (y < -5.6 - 0.12 * x || (y < -5 && x < 2)) fixed[v] = 1;
  }
  for (const { upper, lower } of LIP_RINGS) {
    const last = upper.length - 1;
    for (let column = 0; column <= last; column++) {
      const middle = Math.sin((Math.PI * column) / last);
      fixed[upper[column]] = 0.4 * (1 - middle) ** 2;
      fixed[lower[column]] = column === 0 || column === last ? 0.4 : 0.4 + 0.6 * Math.min(1, 1.3 * middle);
    }
  }
  const weight = fixed.map((value) => (Number.isNaN(value) ? 0.5 : value));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
      if (!Number.isNaN(fixed[v])) continue;
      let sum = 0;
      for (const neighbour of topology.neighbours[v]) sum += weight[neighbour];
      weight[v] = sum / topology.neighbours[v].length;
    }
  }
  return weight;
}
