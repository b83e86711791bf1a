/** Synthetic faces as a data set: labels with published AU statistics, exact landmarks, separate identities. */
import { InputError } from '../../engine/errors.js';
import { KNOWN_AUS, type ActionUnit } from '../action-units.js';
import { LABEL_ABSENT, LABEL_PRESENT, type FaceDataset } from '../dataset.js';
import { IntensitySampler, PRESENCE_INTENSITY, type FaceMode } from './au-statistics.js';
import type { CanonicalMesh } from './canonical-mesh.js';
import { makeFrame } from './frame.js';
import { makeIdentity, type Identity } from './identity.js';
import type { ShaderSource } from './face-pipelines.js';
import { FaceRenderer } from './renderer.js';

/** What to generate. */
export interface GenerateFacesOptions {
  readonly device: GPUDevice;
  readonly mesh: CanonicalMesh;
  readonly shaderSource: ShaderSource;
  /** Number of faces. */
  readonly count: number;
  /** Number of different people; face i shows person firstIdentity + i mod identities. */
  readonly identities: number;
  /** Number of the first person, 0 by default: keep training's and test's ranges apart. */
  readonly firstIdentity?: number;
  /** Width and height in pixels, 16 to 1024. */
  readonly imageSize: number;
  /** Seed of poses, light and AUs; a person looks the same under every seed. */
  readonly seed: number;
  readonly mode: FaceMode;
  /** Label columns, AUs of the mode; all of them by default. Every AU of the mode is drawn in any case. */
  readonly actionUnits?: readonly ActionUnit[];
  /** Called with the number of faces done. */
  readonly onProgress?: (done: number) => void;
}

/** A data set with the intensities behind its labels. */
export interface SyntheticFaces extends FaceDataset {
  /** [count, actionUnits.length]: intensity 0 to 5 of the stronger side; the label is present from 2. */
  readonly intensities: Float32Array;
}

const MODE_NAMES: Readonly<Record<FaceMode, string>> = { bp4d: 'BP4D', disfa: 'DISFA' };

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InputError(`Option ${name} of the synthetic faces is ${value}: expected a whole number from ${least}.`);
  }
}

/**
 * Draws a data set. Face i is a function of (seed, i, mode, imageSize, identities, firstIdentity) alone, on one
 * device to the last bit.
 * @throws {InputError} when an option cannot be used.
 * @throws {DeviceError} when the device is lost.
 */
export async function generateFaces(options: GenerateFacesOptions): Promise<SyntheticFaces> {
  const { device, mesh, shaderSource, count, identities, imageSize, seed, mode } = options;
  const firstIdentity = options.firstIdentity ?? 0;
  checkWhole('count', count, 1);
  checkWhole('identities', identities, 1);
  checkWhole('firstIdentity', firstIdentity, 0);
  checkWhole('seed', seed, 0);
  const sampler = new IntensitySampler(mode);
  const actionUnits = options.actionUnits ?? sampler.actionUnits;
  const unknown = actionUnits.filter((au) => !sampler.actionUnits.includes(au));
  if (unknown.length > 0) {
    throw new InputError(
      `AU ${unknown.join(', ')} has no statistics in ${MODE_NAMES[mode]} mode: expected AUs among ${sampler.actionUnits.join(', ')}.`,
    );
  }
  const people = new Map<number, Identity>();
  const identityOf = (index: number): number => firstIdentity + (index % identities);
  const intensities = new Float32Array(count * actionUnits.length);
  const renderer = new FaceRenderer(device, mesh, shaderSource, imageSize);
  try {
    const { images, landmarks } = await renderer.render(
      count,
      (index) => {
        const number = identityOf(index);
        const identity = people.get(number) ?? makeIdentity(number);
        people.set(number, identity);
        const frame = makeFrame(seed, index, sampler, number);
        actionUnits.forEach((au, column) => {
          const known = KNOWN_AUS.indexOf(au);
          const { right, left } = frame.intensities;
          intensities[index * actionUnits.length + column] = Math.max(right[known], left[known]);
        });
        return { identity, frame };
      },
      options.onProgress,
    );
    return {
      source: `synthetic faces, ${MODE_NAMES[mode]} statistics, seed ${seed}`,
      count,
      imageSize,
      images,
      landmarks,
      actionUnits,
      labels: Uint8Array.from(intensities, (value) => (value >= PRESENCE_INTENSITY ? LABEL_PRESENT : LABEL_ABSENT)),
      identities: Int32Array.from({ length: count }, (_, index) => identityOf(index)),
      identityNames: Array.from({ length: firstIdentity + identities }, (_, number) => `synthetic ${number}`),
      intensities,
    };
  } finally {
    renderer.destroy();
  }
}
