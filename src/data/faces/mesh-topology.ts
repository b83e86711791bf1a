/**
 * Names for vertices of the canonical face mesh, and what follows from its connectivity. "Right" and "left" are the
 * person's: the right side has x < 0 and lies on the left of the image.
 */
import { InputError } from '../../engine/errors.js';
import { MESH_VERTEX_COUNT, type CanonicalMesh } from './canonical-mesh.js';

/** Upper border of the right eye's opening from the outer to the inner corner (corners included). */
export const RIGHT_EYE_UPPER = [33, 246, 161, 160, 159, 158, 157, 173, 133] as const;
/** Lower border of the right eye's opening from the outer to the inner corner (corners included). */
export const RIGHT_EYE_LOWER = [33, 7, 163, 144, 145, 153, 154, 155, 133] as const;
/** Skin of the right upper lid next to the border, outer to inner (corners included). */
export const RIGHT_LID_FOLD_UPPER = [130, 247, 30, 29, 27, 28, 56, 190, 243] as const;
/** Skin of the right lower lid next to the border, outer to inner (corners included). */
export const RIGHT_LID_FOLD_LOWER = [130, 25, 110, 24, 23, 22, 26, 112, 243] as const;

/** One closed ring of vertices around the lips as two arcs that run from the right to the left mouth corner. */
export interface LipRing {
  readonly upper: readonly number[];
  readonly lower: readonly number[];
}

/** Rings of the lips from the border with the skin (first) to the border with the mouth's inside (last). */
export const LIP_RINGS: readonly LipRing[] = [
  {
    upper: [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
    lower: [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
  },
  {
    upper: [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
    lower: [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
  },
  {
    upper: [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
    lower: [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
  },
  {
    upper: [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
    lower: [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
  },
];

/** What a triangle of the mesh shows. */
export type Surface = 'skin' | 'eye' | 'mouth';

/** The mesh with what its connectivity says. */
export interface FaceTopology {
  readonly mesh: CanonicalMesh;
  /** [468]: the vertex on the other side of the face; itself on the midline. */
  readonly mirror: Uint16Array;
  /** Triangles by what they show, as vertex triples. The mesh spans eyes and mouth with triangles of their own. */
  readonly triangles: Readonly<Record<Surface, readonly number[]>>;
  /** Per vertex the skin vertices that share an edge with it. */
  readonly neighbours: readonly (readonly number[])[];
}

/** The mirror images of the vertices `list`. */
export function mirrored(topology: FaceTopology, list: readonly number[]): number[] {
  return list.map((vertex) => topology.mirror[vertex]);
}

function findMirror(mesh: CanonicalMesh): Uint16Array {
  const { positions } = mesh;
  const mirror = new Uint16Array(MESH_VERTEX_COUNT);
  for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
    let nearest = Infinity;
    for (let w = 0; w < MESH_VERTEX_COUNT; w++) {
      const distance = Math.hypot(
        positions[3 * v] + positions[3 * w],
        positions[3 * v + 1] - positions[3 * w + 1],
        positions[3 * v + 2] - positions[3 * w + 2],
      );
      if (distance < nearest) {
        nearest = distance;
        mirror[v] = w;
      }
    }
    if (nearest > 0.05) throw new InputError(`The face mesh is not symmetric at vertex ${v}: its mirror image is ${nearest.toFixed(2)} cm away.`);
  }
  return mirror;
}

/**
 * Finds mirror vertices, the triangles that span eyes and mouth, and the neighbours along the skin.
 * @throws {InputError} when the mesh is not left-right symmetric.
 */
export function analyseMesh(mesh: CanonicalMesh): FaceTopology {
  const mirror = findMirror(mesh);
  const innerLips = LIP_RINGS[LIP_RINGS.length - 1];
  const mouth = new Set([...innerLips.upper, ...innerLips.lower]);
  const rightEye = new Set<number>([...RIGHT_EYE_UPPER, ...RIGHT_EYE_LOWER]);
  const leftEye = new Set([...rightEye].map((vertex) => mirror[vertex]));
  const triangles: Record<Surface, number[]> = { skin: [], eye: [], mouth: [] };
  const edges = Array.from({ length: MESH_VERTEX_COUNT }, () => new Set<number>());
  for (let t = 0; t < mesh.triangles.length; t += 3) {
    const corners = [...mesh.triangles.subarray(t, t + 3)];
    const within = (ring: Set<number>): boolean => corners.every((vertex) => ring.has(vertex));
    const surface: Surface = within(mouth) ? 'mouth' : within(rightEye) || within(leftEye) ? 'eye' : 'skin';
    triangles[surface].push(...corners);
    if (surface !== 'skin') continue;
    for (const a of corners) for (const b of corners) if (a !== b) edges[a].add(b);
  }
  return { mesh, mirror, triangles, neighbours: edges.map((set) => [...set]) };
}

/**
 * Lengths of the shortest paths along the skin's edges (Dijkstra 1959), so that the lips are far from each other
 * although they touch.
 * @param positions [468, 3] in centimetres.
 * @returns [468] centimetres from `source`.
 */
export function skinDistances(topology: FaceTopology, positions: Float32Array, source: number): Float32Array {
  const distance = new Float32Array(MESH_VERTEX_COUNT).fill(Infinity);
  const open = new Set([source]);
  distance[source] = 0;
  while (open.size > 0) {
    let nearest = -1;
    for (const vertex of open) if (nearest < 0 || distance[vertex] < distance[nearest]) nearest = vertex;
    open.delete(nearest);
    for (const next of topology.neighbours[nearest]) {
      const through = distance[nearest] + straightDistance(positions, nearest, next);
      if (through < distance[next]) {
        distance[next] = through;
        open.add(next);
      }
    }
  }
  return distance;
}

/** Distance between two vertices in centimetres. */
export function straightDistance(positions: Float32Array, a: number, b: number): number {
  return Math.hypot(
    positions[3 * a] - positions[3 * b],
    positions[3 * a + 1] - positions[3 * b + 1],
    positions[3 * a + 2] - positions[3 * b + 2],
  );
}
