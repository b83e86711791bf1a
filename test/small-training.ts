/** A training so small that a step takes a tenth of a second on a software adapter. */
import { BP4D_AUS } from '../src/data/action-units.js';
import { LANDMARK_COUNT, type FaceDataset } from '../src/data/dataset.js';
import { PRESETS, type Preset } from '../src/model/presets.js';
import { randomValues } from './helpers.js';

/** Random pictures with landmarks strewn over them: enough for what these tests ask, which is not learning about faces. */
function noiseFaces(count: number, imageSize: number): FaceDataset {
  const images = Uint8Array.from(randomValues(count * imageSize * imageSize * 4, 11), (value) => 128 + 100 * value);
  return {
    source: 'noise',
    count,
    imageSize,
    images,
    landmarks: randomValues(count * LANDMARK_COUNT * 2, 12).map((value) => (0.5 + 0.4 * value) * imageSize),
    actionUnits: BP4D_AUS,
    labels: Uint8Array.from(randomValues(count * BP4D_AUS.length, 13), (value) => (value > 0 ? 1 : 0)),
    identities: Int32Array.from({ length: count }, (_, face) => face % 4),
    identityNames: ['a', 'b', 'c', 'd'],
  };
}

/** Numbers of its own where tuning moves the preset's: what these tests ask must not hang on them. */
export const SMALLEST: Preset = {
  ...PRESETS.tiny,
  objective: { ...PRESETS.tiny.objective, contrastTemperature: 0.1 },
  augmentation: { ...PRESETS.tiny.augmentation, cropArea: [0.75, 1], rotation: 10 },
  backbone: { ...PRESETS.tiny.backbone, imageSize: 32, embedDim: 16, heads: [1, 2] },
  heads: { hiddenDim: 32, projectionDim: 16 },
  // A loss against a target that moves fast need not fall within a few steps.
  optimizer: { ...PRESETS.tiny.optimizer, targetDecay: 0.99 },
};
/** Sixteen faces of four people. */
export const DATA = noiseFaces(16, 40);
