import { KNOWN_AUS } from '../data/action-units.js';
import { LANDMARK_COUNT, type FaceDataset } from '../data/dataset.js';
import { InputError, type Engine, type Tensor } from '../engine/index.js';
import { auCentres } from '../kernels/regions/index.js';
import type { RegionConfig } from './presets.js';

/** A face dataset on the device, ready for augmentation and attention maps. */
export interface DeviceDataset {
  readonly count: number;
  readonly imageSize: number;
  /** u32 [N, S, S]: RGBA8 packed, red in the low byte. */
  readonly images: Tensor;
  /** f32 [N, 49, 2] in pixels. */
  readonly landmarks: Tensor;
  /** f32 [N, R, 2, 2]: the two centres of each AU region in pixels of the stored image. */
  readonly centres: Tensor;
}

/**
 * Uploads a dataset and computes its AU centres.
 * @throws {InputError} when an AU is not known
 */
export function uploadDataset(engine: Engine, data: FaceDataset, regions: RegionConfig): DeviceDataset {
  for (const au of regions.actionUnits) {
    if (!KNOWN_AUS.includes(au)) throw new InputError(`AU ${au} has no region; expected one of ${KNOWN_AUS.join(', ')}.`);
  }
  const { count, imageSize } = data;
  const packed = new Uint32Array(data.images.slice().buffer);
  const images = engine.tensor(packed, [count, imageSize, imageSize], 'u32', 'face images');
  const landmarks = engine.tensor(Float32Array.from(data.landmarks), [count, LANDMARK_COUNT, 2], 'f32', 'landmarks');
  return { count, imageSize, images, landmarks, centres: auCentres(engine, landmarks, regions.actionUnits) };
}
