/** The drawable surface of a head: which vertices and triangles there are, how they are painted, their normals. */
import { MESH_VERTEX_COUNT } from './canonical-mesh.js';
import { HEAD_PART_VERTICES, MATERIAL, headPartMaterials, headPartTriangles } from './head-parts.js';
import { RandomStream } from './philox.js';
import {
  LIP_RINGS,
  RIGHT_EYE_LOWER,
  RIGHT_EYE_UPPER,
  RIGHT_LID_FOLD_LOWER,
  RIGHT_LID_FOLD_UPPER,
  type FaceTopology,
} from './mesh-topology.js';

/** Floats per vertex of the static buffer: position at rest, material, lip depth, lid, side of the eye, mottling. */
export const STATIC_FLOATS = 8;
/** Floats per vertex of the buffer of one face: position, normal. */
export const DYNAMIC_FLOATS = 6;

/** Philox stream of the skin's uneven colour, which is the same pattern on everybody at a strength of a few percent. */
const MOTTLE_STREAM = 0x30;

/** What all faces share. */
export interface FaceGeometry {
  readonly vertexCount: number;
  /** [vertexCount, STATIC_FLOATS]. */
  readonly staticVertices: Float32Array;
  /** Triangles of the skin first, then of eyes and mouth, then of hair, ears and neck. */
  readonly indices: Uint16Array;
  readonly skinIndexCount: number;
  readonly featureIndexCount: number;
  /** Vertices after the first 468 that copy one of them (borders of eyes and mouth): [copy] is the original. */
  readonly copies: readonly number[];
  /** First vertex of hair, ears and neck. */
  readonly partsStart: number;
}

/** Value of a vertex on a border arc: `value` inside the arc, `corner` at its ends. */
function arcValue(index: number, length: number, value: number, corner: number): number {
  return index === 0 || index === length - 1 ? corner : value;
}

/** Numbers the vertices, assigns paint and collects triangles. */
export function buildGeometry(topology: FaceTopology, rest: Float32Array): FaceGeometry {
  const copies: number[] = [];
  const indices: number[] = [...topology.triangles.skin];
  const skinIndexCount = indices.length;
  const copyMaterial: number[] = [];
  for (const surface of ['eye', 'mouth'] as const) {
    const copyOf = new Map<number, number>();
    for (const vertex of topology.triangles[surface]) {
      let copy = copyOf.get(vertex);
      if (copy === undefined) {
        copy = MESH_VERTEX_COUNT + copies.length;
        copyOf.set(vertex, copy);
        copies.push(vertex);
        copyMaterial.push(MATERIAL[surface]);
      }
      indices.push(copy);
    }
  }
  const featureIndexCount = indices.length - skinIndexCount;
  const partsStart = MESH_VERTEX_COUNT + copies.length;
  for (const vertex of headPartTriangles()) indices.push(partsStart + vertex);
  const vertexCount = partsStart + HEAD_PART_VERTICES;

  const vertices = new Float32Array(vertexCount * STATIC_FLOATS);
  const set = (vertex: number, position: ArrayLike<number>, material: number): void => {
    vertices.set([position[0], position[1], position[2], material], vertex * STATIC_FLOATS);
  };
  for (let v = 0; v < MESH_VERTEX_COUNT; v++) set(v, rest.subarray(3 * v, 3 * v + 3), MATERIAL.skin);
  paintSkin(topology, vertices);
  const mottling = new RandomStream(0, MOTTLE_STREAM, 0);
  for (let v = 0; v < MESH_VERTEX_COUNT; v++) vertices[v * STATIC_FLOATS + 7] = mottling.uniform();
  copies.forEach((original, i) => {
    const vertex = MESH_VERTEX_COUNT + i;
    set(vertex, rest.subarray(3 * original, 3 * original + 3), copyMaterial[i]);
    const paint = copyMaterial[i] === MATERIAL.eye ? lidPaint(topology, original) : mouthPaint(original);
    vertices.set([0, paint, rest[3 * original] < 0 ? -1 : 1], vertex * STATIC_FLOATS + 4);
  });
  headPartMaterials().forEach((material, i) => set(partsStart + i, [0, 0, 0], material));
  return { vertexCount, staticVertices: vertices, indices: Uint16Array.from(indices), skinIndexCount, featureIndexCount, copies, partsStart };
}

/** +1 on the upper lid's border, -1 on the lower one's, 0 in the corners. */
function lidPaint(topology: FaceTopology, vertex: number): number {
  const right = [vertex, topology.mirror[vertex]];
  const on = (arc: readonly number[]): boolean => right.some((v) => arc.indexOf(v) > 0 && arc.indexOf(v) < arc.length - 1);
  return on(RIGHT_EYE_UPPER) ? 1 : on(RIGHT_EYE_LOWER) ? -1 : 0;
}

/** +1 on the upper lip's inner border, -1 on the lower one's, 0 in the corners. */
function mouthPaint(vertex: number): number {
  const inner = LIP_RINGS[LIP_RINGS.length - 1];
  const inside = (arc: readonly number[]): boolean => arc.indexOf(vertex) > 0 && arc.indexOf(vertex) < arc.length - 1;
  return inside(inner.upper) ? 1 : inside(inner.lower) ? -1 : 0;
}

/** Lip depth: 0.5 on the lips' border to 1 at the mouth. Lid: 1 on the eye's border, 0.5 on the fold, lower lid negative. */
function paintSkin(topology: FaceTopology, vertices: Float32Array): void {
  LIP_RINGS.forEach((ring, depth) => {
    for (const vertex of [...ring.upper, ...ring.lower]) {
      vertices[vertex * STATIC_FLOATS + 4] = 0.5 + (0.5 * depth) / (LIP_RINGS.length - 1);
    }
  });
  const arcs = [
    [RIGHT_EYE_LOWER, -1, 0.4],
    [RIGHT_EYE_UPPER, 1, 0.5],
    [RIGHT_LID_FOLD_LOWER, -0.5, 0],
    [RIGHT_LID_FOLD_UPPER, 0.5, 0.2],
  ] as const;
  for (const [arc, value, corner] of arcs) {
    arc.forEach((vertex, index) => {
      const lid = arcValue(index, arc.length, value, corner);
      vertices[vertex * STATIC_FLOATS + 5] = lid;
      vertices[topology.mirror[vertex] * STATIC_FLOATS + 5] = lid;
    });
  }
}

/**
 * Smooth normals of the skin: each vertex takes the sum of its triangles' area vectors.
 * @param shape [468, 3] cm.
 * @param target receives nx, ny, nz at `DYNAMIC_FLOATS * vertex + 3` of the first 468 vertices.
 */
export function writeNormals(skin: ArrayLike<number>, skinIndexCount: number, shape: Float32Array, target: Float32Array): void {
  for (let v = 0; v < MESH_VERTEX_COUNT; v++) target.fill(0, v * DYNAMIC_FLOATS + 3, v * DYNAMIC_FLOATS + 6);
  for (let t = 0; t < skinIndexCount; t += 3) {
    const a = 3 * skin[t];
    const b = 3 * skin[t + 1];
    const c = 3 * skin[t + 2];
    const ux = shape[b] - shape[a];
    const uy = shape[b + 1] - shape[a + 1];
    const uz = shape[b + 2] - shape[a + 2];
    const wx = shape[c] - shape[a];
    const wy = shape[c + 1] - shape[a + 1];
    const wz = shape[c + 2] - shape[a + 2];
    const nx = uy * wz - uz * wy;
    const ny = uz * wx - ux * wz;
    const nz = ux * wy - uy * wx;
    for (let corner = 0; corner < 3; corner++) {
      const at = skin[t + corner] * DYNAMIC_FLOATS + 3;
      target[at] += nx;
      target[at + 1] += ny;
      target[at + 2] += nz;
    }
  }
  for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
    const at = v * DYNAMIC_FLOATS + 3;
    const scale = 1 / (Math.hypot(target[at], target[at + 1], target[at + 2]) || 1);
    for (let k = 0; k < 3; k++) target[at + k] *= scale;
  }
}
