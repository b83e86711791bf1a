/** Synthetic faces as the commands draw them. */
import { InputError, type Engine } from '../engine/index.js';
import type { FaceMode } from '../data/faces/au-statistics.js';
import { generateFaces, type SyntheticFaces } from '../data/faces/generate.js';
import { loadCanonicalMesh } from '../platform/node/canonical-mesh.js';
import { shaderSources } from '../shaders.generated.js';

/** What the renderer needs on Node besides a device. */
export async function faceAssets() {
  return { mesh: await loadCanonicalMesh(), shaderSource: shaderText };
}

function shaderText(name: string): string {
  const text = shaderSources[name];
  if (text === undefined) throw new InputError(`There is no shader ${name}: run \`npm run build\` again.`);
  return text;
}

/** How many faces of how many people, and which. */
export interface SyntheticRequest {
  readonly count: number;
  readonly identities: number;
  /** Number of the first person. */
  readonly firstIdentity: number;
  /** Width and height in pixels. */
  readonly imageSize: number;
  readonly seed: number;
  readonly mode: FaceMode;
}

/** Renders faces on the engine's device. */
export async function renderFaces(
  engine: Engine,
  request: SyntheticRequest,
  onProgress?: (done: number) => void,
): Promise<SyntheticFaces> {
  return generateFaces({ device: engine.device, ...(await faceAssets()), ...request, onProgress });
}
