/** Each AU alone on one face, to look at: the quickest check of what the model is shown. */
import { AU_NAMES, KNOWN_AUS } from '../action-units.js';
import { noMovement } from './au-deformers.js';
import { MAX_INTENSITY } from './au-statistics.js';
import type { CanonicalMesh } from './canonical-mesh.js';
import { plainFrame } from './frame.js';
import { makeIdentity } from './identity.js';
import type { ShaderSource } from './face-pipelines.js';
import { FaceRenderer } from './renderer.js';

/** What to draw. */
export interface ContactSheetOptions {
  readonly device: GPUDevice;
  readonly mesh: CanonicalMesh;
  readonly shaderSource: ShaderSource;
  readonly imageSize: number;
  /** Number of the person. */
  readonly identity: number;
  /** Intensity of each AU, 5 by default. */
  readonly intensity?: number;
}

/** Square pictures of one person, each with a title. */
export interface ContactSheet {
  readonly imageSize: number;
  readonly tiles: readonly {
    readonly title: string;
    /** [imageSize, imageSize, 4] sRGB bytes. */
    readonly rgba: Uint8Array;
    /** [49, 2] pixels. */
    readonly landmarks: Float32Array;
  }[];
}

/** The person at rest and with each of the 15 AUs alone, from the front in even light. */
export async function renderContactSheet(options: ContactSheetOptions): Promise<ContactSheet> {
  const { device, mesh, shaderSource, imageSize, intensity = MAX_INTENSITY } = options;
  const renderer = new FaceRenderer(device, mesh, shaderSource, imageSize);
  const identity = makeIdentity(options.identity);
  const titles = ['Neutral', ...KNOWN_AUS.map((au) => `AU ${au} ${AU_NAMES[au]}`)];
  try {
    const { images, landmarks } = await renderer.render(titles.length, (index) => {
      const intensities = noMovement();
      if (index > 0) {
        intensities.right[index - 1] = intensity;
        intensities.left[index - 1] = intensity;
      }
      return { identity, frame: { ...plainFrame(), intensities } };
    });
    const pixels = imageSize * imageSize * 4;
    const points = landmarks.length / titles.length;
    return {
      imageSize,
      tiles: titles.map((title, i) => ({
        title,
        rgba: images.slice(i * pixels, (i + 1) * pixels),
        landmarks: landmarks.slice(i * points, (i + 1) * points),
      })),
    };
  } finally {
    renderer.destroy();
  }
}
