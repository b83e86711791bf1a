/** Reads the canonical face mesh from the installed npm package `@mediapipe/face_mesh`. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { MESH_PACKAGE_FILES, readCanonicalMesh, type CanonicalMesh } from '../../data/faces/canonical-mesh.js';
import { InputError } from '../../engine/errors.js';

/**
 * The canonical face mesh (468 vertices, 898 triangles) of the package in node_modules.
 * @throws {InputError} when the package is not installed or does not hold the mesh.
 */
export async function loadCanonicalMesh(): Promise<CanonicalMesh> {
  const require = createRequire(import.meta.url);
  const path = (file: string): string => require.resolve(`@mediapipe/face_mesh/${file}`);
  let script: string;
  let data: Uint8Array;
  try {
    script = await readFile(path(MESH_PACKAGE_FILES.loader), 'utf8');
    data = await readFile(path(MESH_PACKAGE_FILES.data));
  } catch {
    throw new InputError('The npm package @mediapipe/face_mesh cannot be read: run `npm ci` to install it again.');
  }
  return readCanonicalMesh(script, data);
}
