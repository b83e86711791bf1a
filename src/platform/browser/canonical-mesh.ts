/** Loads the canonical face mesh that the server passes on from the npm package `@mediapipe/face_mesh`. */
import { MESH_PACKAGE_FILES, readCanonicalMesh, type CanonicalMesh } from '../../data/faces/canonical-mesh.js';
import { InputError } from '../../engine/errors.js';

async function load(url: URL): Promise<Response> {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new InputError(`The face mesh cannot be loaded from ${url.href} (${response?.status ?? 'no answer'}): is \`zygo serve\` still running?`);
  return response;
}

/**
 * The canonical face mesh.
 * @param base folder that holds the package's two files, with a slash at its end
 * @throws {InputError} when a file does not come or does not hold the mesh
 */
export async function loadCanonicalMesh(base: URL): Promise<CanonicalMesh> {
  const [loader, data] = await Promise.all([load(new URL(MESH_PACKAGE_FILES.loader, base)), load(new URL(MESH_PACKAGE_FILES.data, base))]);
  return readCanonicalMesh(await loader.text(), new Uint8Array(await data.arrayBuffer()));
}
