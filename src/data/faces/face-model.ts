/** From (identity, frame) to vertices, shader parameters and landmarks: everything about a face but its pixels. */
import { LANDMARK_VERTICES } from '../landmarks.js';
import { AuDeformer } from './au-deformers.js';
import { makeCamera, projectToPixels } from './camera.js';
import { MESH_VERTEX_COUNT, type CanonicalMesh } from './canonical-mesh.js';
import { FieldBuilder } from './displacement-field.js';
import { DYNAMIC_FLOATS, buildGeometry, writeNormals, type FaceGeometry } from './face-geometry.js';
import { packFace } from './face-params.js';
import type { Frame } from './frame.js';
import { HEAD_PART_VERTICES, buildHeadParts } from './head-parts.js';
import type { Identity } from './identity.js';
import { IdentityShaper } from './identity-shape.js';
import { analyseMesh, type FaceTopology } from './mesh-topology.js';
import { restShape } from './rest-shape.js';

/** What a person looks like in every frame. */
interface PreparedIdentity {
  readonly rest: Float32Array;
  readonly parts: Float32Array;
}

/** Identities whose shapes are kept at hand (about 25 kB each). */
const KEPT_IDENTITIES = 512;

/** Builds faces from one canonical mesh. */
export class FaceModel {
  readonly topology: FaceTopology;
  readonly geometry: FaceGeometry;
  /** [468, 3] the rest shape before identity, cm. */
  readonly rest: Float32Array;
  readonly deformer: AuDeformer;
  private readonly shaper: IdentityShaper;
  private readonly prepared = new Map<number, PreparedIdentity>();

  /** @throws {InputError} when the mesh is not the canonical one. */
  constructor(mesh: CanonicalMesh) {
    this.topology = analyseMesh(mesh);
    this.rest = restShape(this.topology);
    const builder = new FieldBuilder(this.topology, this.rest);
    this.shaper = new IdentityShaper(this.topology, this.rest, builder);
    this.deformer = new AuDeformer(this.topology, this.rest, builder);
    this.geometry = buildGeometry(this.topology, this.rest);
  }

  private prepare(identity: Identity): PreparedIdentity {
    let prepared = this.prepared.get(identity.number);
    if (!prepared) {
      const rest = this.shaper.shape(identity.shape);
      const parts = new Float32Array(HEAD_PART_VERTICES * DYNAMIC_FLOATS);
      buildHeadParts(identity, rest, parts);
      if (this.prepared.size >= KEPT_IDENTITIES) this.prepared.clear();
      prepared = { rest, parts };
      this.prepared.set(identity.number, prepared);
    }
    return prepared;
  }

  /**
   * Computes one face.
   * @param vertices receives position and normal of every vertex at `vertexOffset` (floats).
   * @param params receives the shader's parameters at `paramOffset` (floats).
   * @param landmarks receives x, y in pixels of the 49 points at `landmarkOffset` (floats).
   */
  build(
    identity: Identity,
    frame: Frame,
    imageSize: number,
    { vertices, vertexOffset }: { vertices: Float32Array; vertexOffset: number },
    { params, paramOffset }: { params: Float32Array; paramOffset: number },
    { landmarks, landmarkOffset }: { landmarks: Float32Array; landmarkOffset: number },
  ): void {
    const { rest, parts } = this.prepare(identity);
    const shape = rest.slice();
    const jawAngle = this.deformer.apply(shape, frame.intensities);
    const { geometry } = this;
    const own = vertices.subarray(vertexOffset, vertexOffset + geometry.vertexCount * DYNAMIC_FLOATS);
    writeNormals(geometry.indices, geometry.skinIndexCount, shape, own);
    for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
      for (let k = 0; k < 3; k++) own[v * DYNAMIC_FLOATS + k] = shape[3 * v + k];
    }
    geometry.copies.forEach((original, i) => {
      const from = original * DYNAMIC_FLOATS;
      own.copyWithin((MESH_VERTEX_COUNT + i) * DYNAMIC_FLOATS, from, from + DYNAMIC_FLOATS);
    });
    own.set(parts, geometry.partsStart * DYNAMIC_FLOATS);
    const camera = makeCamera(rest, frame);
    packFace(this.topology, identity, frame, camera, rest, jawAngle, params, paramOffset);
    LANDMARK_VERTICES.forEach((vertex, point) => {
      landmarks.set(
        projectToPixels(camera, shape.subarray(3 * vertex, 3 * vertex + 3), imageSize),
        landmarkOffset + 2 * point,
      );
    });
  }
}
