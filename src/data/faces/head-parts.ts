/** What the face mesh lacks: hair, ears and neck, as smooth closed surfaces around an identity's face. */
import type { Identity } from './identity.js';

/** How the fragment shader paints a part; the numbers are shared with shaders/faces/face.wgsl. */
export const MATERIAL = { skin: 0, eye: 1, mouth: 2, hair: 3, body: 4 } as const;

/** Only the half that the camera can see: modest poses never show the back of the head. */
const SLICES = 7;
const STACKS = 12;

/** Part of the half turn around the vertical axis that is built: a little more than half, for turned heads. */
const VISIBLE = 1.2;

/** An ellipsoid: material, centre and radii in centimetres. */
interface Ellipsoid {
  readonly material: number;
  readonly centre: readonly [number, number, number];
  readonly radii: readonly [number, number, number];
}

/** Number of parts, the same for every identity. */
const PART_COUNT = 5;
const VERTICES_PER_PART = (SLICES + 1) * (STACKS + 1);

/** Vertices of all parts together. */
export const HEAD_PART_VERTICES = PART_COUNT * VERTICES_PER_PART;

/** Triangles of all parts as vertex triples, counted from 0. */
export function headPartTriangles(): number[] {
  const triangles: number[] = [];
  for (let part = 0; part < PART_COUNT; part++) {
    for (let stack = 0; stack < STACKS; stack++) {
      for (let slice = 0; slice < SLICES; slice++) {
        const a = part * VERTICES_PER_PART + stack * (SLICES + 1) + slice;
        const b = a + SLICES + 1;
        triangles.push(a, b, a + 1, a + 1, b, b + 1);
      }
    }
  }
  return triangles;
}

/** Material of each part's vertices, [HEAD_PART_VERTICES]; the same for every identity. */
export function headPartMaterials(): Float32Array {
  const materials = new Float32Array(HEAD_PART_VERTICES);
  [MATERIAL.hair, MATERIAL.hair, MATERIAL.body, MATERIAL.body, MATERIAL.body].forEach((material, part) =>
    materials.fill(material, part * VERTICES_PER_PART, (part + 1) * VERTICES_PER_PART),
  );
  return materials;
}

function partsOf(identity: Identity, face: Float32Array): Ellipsoid[] {
  // Half width at the ears (vertex 454), top of the forehead (10) and chin (152) of this person's face.
  const halfWidth = face[3 * 454];
  const top = face[3 * 10 + 1];
  const chin = face[3 * 152 + 1];
  const bald = identity.hairStyle === 0;
  const long = identity.hairStyle === 2;
  const volume = bald ? 0 : long ? 1.1 : 0.55;
  const ear = (side: number): Ellipsoid => ({
    material: MATERIAL.body,
    centre: [side * (halfWidth + 0.05), 1.3, -3.6],
    radii: [0.7, 2.9, 1.6],
  });
  return [
    {
      material: MATERIAL.hair,
      centre: [0, 2.2, -4.2],
      radii: [halfWidth + volume - 0.1, top + 2.1 + volume - 2.2 + 0.6, 9.2 + volume],
    },
    {
      // Hair falling beside the face, or hidden inside the head.
      material: MATERIAL.hair,
      centre: [0, long ? -4 : 2.2, long ? -6 : -4.2],
      radii: long ? [halfWidth + 1.7, 13, 4.6] : [1, 1, 1],
    },
    ear(-1),
    ear(1),
    { material: MATERIAL.body, centre: [0, chin - 5, -3.2], radii: [5.8, 12, 5] },
  ];
}

/**
 * Positions and normals of the parts around a face.
 * @param face [468, 3] the identity's face at rest, centimetres.
 * @param target receives x, y, z, nx, ny, nz per vertex.
 */
export function buildHeadParts(identity: Identity, face: Float32Array, target: Float32Array): void {
  let at = 0;
  for (const { centre, radii } of partsOf(identity, face)) {
    for (let stack = 0; stack <= STACKS; stack++) {
      const polar = (Math.PI * stack) / STACKS;
      for (let slice = 0; slice <= SLICES; slice++) {
        const around = Math.PI * (slice / SLICES - 0.5) * VISIBLE;
        const unit = [Math.sin(polar) * Math.sin(around), Math.cos(polar), Math.sin(polar) * Math.cos(around)];
        const normal = unit.map((u, k) => u / radii[k]);
        const length = Math.hypot(...normal);
        for (let k = 0; k < 3; k++) {
          target[at + k] = centre[k] + radii[k] * unit[k];
          target[at + 3 + k] = normal[k] / length;
        }
        at += 6;
      }
    }
  }
}
