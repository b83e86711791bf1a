/**
 * Reads the MediaPipe canonical face mesh out of the files of the npm package `@mediapipe/face_mesh`
 * (Apache-2.0). Nothing of it is copied into Zygo: the bytes are read where the package is installed
 * (Node) or served (Chrome).
 */
import { InputError } from '../../engine/errors.js';

/** Vertices of the canonical face mesh. */
export const MESH_VERTEX_COUNT = 468;
/** Triangles of the canonical face mesh. */
export const MESH_TRIANGLE_COUNT = 898;
/** The two files of the package that {@link readCanonicalMesh} needs. */
export const MESH_PACKAGE_FILES = {
  loader: 'face_mesh_solution_packed_assets_loader.js',
  data: 'face_mesh_solution_packed_assets.data',
} as const;

const MESH_FILE_ENDING = 'geometry_pipeline_metadata_landmarks.binarypb';
const FLOATS_PER_VERTEX = 5;

/** A face at rest: centimetres, x to the viewer's right (the person's left), y up, z towards the viewer. */
export interface CanonicalMesh {
  /** [468, 3]: x, y, z. */
  readonly positions: Float32Array;
  /** [468, 2]: texture coordinates from 0 to 1. */
  readonly uv: Float32Array;
  /** [898, 3]: vertex numbers, counter-clockwise seen from the front. */
  readonly triangles: Uint16Array;
}

/** Where a file lies inside a packed `.data` file: bytes `start` (inclusive) to `end` (exclusive). */
export interface PackedFile {
  readonly filename: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The file table that Emscripten's file packager writes into a loader script.
 * @throws {InputError} when the script holds no such table.
 */
export function parsePackedFileTable(loaderScript: string): PackedFile[] {
  const table = /"files"\s*:\s*(\[[^\]]*\])/.exec(loaderScript);
  let files: unknown;
  try {
    files = table ? JSON.parse(table[1]) : undefined;
  } catch {
    files = undefined;
  }
  const isEntry = (entry: unknown): entry is PackedFile => {
    const { filename, start, end } = (entry ?? {}) as Partial<Record<keyof PackedFile, unknown>>;
    return typeof filename === 'string' && Number.isInteger(start) && Number.isInteger(end);
  };
  if (!Array.isArray(files) || !files.every(isEntry)) {
    throw new InputError(
      `No file table in ${MESH_PACKAGE_FILES.loader}: expected "files": [{"filename", "start", "end"}, ...] ` +
        'as in @mediapipe/face_mesh 0.4.1657299874.',
    );
  }
  return files;
}

/** One field of a protobuf message: a varint's value, or the bytes of the other wire types. */
interface ProtobufField {
  readonly field: number;
  readonly value: number;
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/** Decodes one level of a protobuf message (wire types 0, 1, 2 and 5). */
function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (at + length > message.length) throw new InputError(`The face mesh is cut off: a field ends beyond byte ${message.length}.`);
    at += length;
    return message.subarray(at - length, at);
  };
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = take(1)[0];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const field = tag >>> 3;
    const wire = tag & 7;
    if (wire === 0) yield { field, value: varint(), bytes: NO_BYTES };
    else if (wire === 2) yield { field, value: 0, bytes: take(varint()) };
    else if (wire === 5) yield { field, value: 0, bytes: take(4) };
    else if (wire === 1) yield { field, value: 0, bytes: take(8) };
    else throw new InputError(`The face mesh holds a protobuf field of unknown wire type ${wire} at byte ${at}.`);
  }
}

function readFloats(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength >> 2 }, (_, i) => view.getFloat32(4 * i, true));
}

function readVarints(bytes: Uint8Array): number[] {
  const values: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) {
      values.push(value);
      value = 0;
      scale = 1;
    }
  }
  return values;
}

/**
 * Parses MediaPipe's `GeometryPipelineMetadata` message: field 1 is a `Mesh3d`, in it field 3 the vertex buffer
 * (x, y, z, u, v per vertex) and field 4 the index buffer; both may be packed or not.
 * @throws {InputError} when the counts are not those of the canonical face mesh.
 */
export function parseGeometryMetadata(message: Uint8Array): CanonicalMesh {
  const vertexBuffer: number[] = [];
  const indexBuffer: number[] = [];
  for (const outer of protobufFields(message)) {
    if (outer.field !== 1) continue;
    for (const inner of protobufFields(outer.bytes)) {
      if (inner.field === 3) vertexBuffer.push(...readFloats(inner.bytes));
      else if (inner.field === 4 && inner.bytes.length > 0) indexBuffer.push(...readVarints(inner.bytes));
      else if (inner.field === 4) indexBuffer.push(inner.value);
    }
  }
  const vertices = vertexBuffer.length / FLOATS_PER_VERTEX;
  const triangles = indexBuffer.length / 3;
  if (vertices !== MESH_VERTEX_COUNT || triangles !== MESH_TRIANGLE_COUNT || Math.max(...indexBuffer) >= vertices) {
    throw new InputError(
      `The face mesh in @mediapipe/face_mesh has ${vertices} vertices and ${triangles} triangles: ` +
        `expected ${MESH_VERTEX_COUNT} and ${MESH_TRIANGLE_COUNT}.`,
    );
  }
  const positions = new Float32Array(vertices * 3);
  const uv = new Float32Array(vertices * 2);
  for (let v = 0; v < vertices; v++) {
    const at = v * FLOATS_PER_VERTEX;
    positions.set(vertexBuffer.slice(at, at + 3), v * 3);
    uv.set(vertexBuffer.slice(at + 3, at + 5), v * 2);
  }
  return { positions, uv, triangles: Uint16Array.from(indexBuffer) };
}

/**
 * The canonical face mesh from the package's two files ({@link MESH_PACKAGE_FILES}).
 * @param loaderScript text of the loader script.
 * @param data bytes of the packed assets.
 * @throws {InputError} when the table, the file or the mesh is not there.
 */
export function readCanonicalMesh(loaderScript: string, data: Uint8Array): CanonicalMesh {
  const entry = parsePackedFileTable(loaderScript).find((file) => file.filename.endsWith(MESH_FILE_ENDING));
  if (!entry) throw new InputError(`${MESH_PACKAGE_FILES.loader} names no file ${MESH_FILE_ENDING}.`);
  if (entry.start < 0 || entry.end > data.length) {
    throw new InputError(
      `${MESH_PACKAGE_FILES.data} has ${data.length} bytes: expected at least ${entry.end}, where ${MESH_FILE_ENDING} ends.`,
    );
  }
  return parseGeometryMetadata(data.subarray(entry.start, entry.end));
}
