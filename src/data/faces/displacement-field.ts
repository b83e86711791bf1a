/** Smooth displacement fields over the face's skin, given by what a few named vertices do. */
import { MESH_VERTEX_COUNT } from './canonical-mesh.js';
import { skinDistances, straightDistance, type FaceTopology } from './mesh-topology.js';

/**
 * A vertex of the right side or the midline and its displacement [x, y, z] in centimetres; the mirror image follows
 * by itself. All zeros pins the skin there.
 */
export type Anchor = readonly [vertex: number, dx: number, dy: number, dz: number];

/** Share of the path along the skin that counts as distance where it exceeds the straight line (edges zigzag). */
const PATH_SHARE = 0.85;

/** Builds displacement fields on one shape; remembers the distances that it has measured. */
export class FieldBuilder {
  private readonly distances = new Map<number, Float32Array>();

  /**
   * @param topology the mesh.
   * @param positions [468, 3] the shape on which distances are measured, centimetres.
   */
  constructor(
    private readonly topology: FaceTopology,
    private readonly positions: Float32Array,
  ) {}

  /** Distance of every vertex from `source`, by the longer of the straight line and (almost) the path along the skin. */
  distanceFrom(source: number): Float32Array {
    let distance = this.distances.get(source);
    if (!distance) {
      distance = skinDistances(this.topology, this.positions, source).map((path, vertex) =>
        Math.max(PATH_SHARE * path, straightDistance(this.positions, source, vertex)),
      );
      this.distances.set(source, distance);
    }
    return distance;
  }

  /**
   * The field sum(g·d) / max(1, sum(g)) with Gaussian weights g around the anchors and their mirror images: it
   * follows each anchor near it, blends between anchors, and fades out with distance.
   * @param sigma standard deviation of the weights, centimetres.
   * @returns [468, 3] centimetres.
   */
  field(anchors: readonly Anchor[], sigma: number): Float32Array {
    const { mirror } = this.topology;
    const sum = new Float32Array(MESH_VERTEX_COUNT * 3);
    const total = new Float32Array(MESH_VERTEX_COUNT);
    for (const [vertex, dx, dy, dz] of anchors) {
      const distance = this.distanceFrom(vertex);
      const midline = mirror[vertex] === vertex;
      for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
        const weight = Math.exp(-0.5 * (distance[v] / sigma) ** 2);
        const add = (target: number, x: number): void => {
          sum[3 * target] += weight * x;
          sum[3 * target + 1] += weight * dy;
          sum[3 * target + 2] += weight * dz;
          total[target] += weight;
        };
        add(v, dx);
        if (!midline) add(mirror[v], -dx);
      }
    }
    for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
      const scale = 1 / Math.max(1, total[v]);
      for (let k = 0; k < 3; k++) sum[3 * v + k] *= scale;
    }
    return sum;
  }
}
