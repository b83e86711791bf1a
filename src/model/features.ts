/** Features of whole datasets without augmentation, for probes. */
import type { FaceDataset } from '../data/dataset.js';
import type { CapturedStep, Engine, Tensor } from '../engine/index.js';
import { augmentImages, identityGeometry } from '../kernels/augment/index.js';
import { uploadDataset, type DeviceDataset } from './device-dataset.js';
import { Encoder, type Features } from './encoder.js';
import type { Parameters } from './parameters.js';
import type { Preset } from './presets.js';
import { attentionMaps } from './training-step.js';

/** Features of all faces of a data set on the CPU, in its order; made by {@link extractFeatures}, for probes. */
export interface DatasetFeatures {
  readonly count: number;
  readonly regions: number;
  /** Length of one region's feature. */
  readonly dim: number;
  /** Length of the global feature. */
  readonly globalDim: number;
  /** [count, regions, dim]. */
  readonly region: Float32Array<ArrayBuffer>;
  /** [count, globalDim]. */
  readonly global: Float32Array<ArrayBuffer>;
}

/** Faces per launch; the last batch is filled up by repeating faces. */
export const FEATURE_BATCH = 64;

/**
 * Traces the features of the faces that `indices` names, without augmentation.
 * @param indices u32 [N]
 */
export function captureFeatures(engine: Engine, preset: Preset, parameters: Parameters, data: DeviceDataset, indices: Tensor): CapturedStep<Features> {
  const { imageSize } = preset.backbone;
  return engine.capture('features', () => {
    const { geometry, colour } = identityGeometry(engine, { batch: indices.size, views: 1, sizeIn: data.imageSize, sizeOut: imageSize });
    const image = augmentImages(engine, data.images, indices, geometry, colour, { sizeOut: imageSize });
    return engine.noGrad(() => new Encoder(engine, parameters, preset.backbone).forward(image, attentionMaps(engine, data, preset, indices, geometry)));
  });
}

/**
 * Region and global features of every face of a dataset.
 * @param parameters of a network that holds the encoder's parameters; they are not changed
 * @param onProgress called with the number of faces done
 */
export async function extractFeatures(
  engine: Engine,
  preset: Preset,
  parameters: Parameters,
  dataset: FaceDataset,
  onProgress: (done: number) => void = () => {},
): Promise<DatasetFeatures> {
  return engine.scope(async () => {
    const data = uploadDataset(engine, dataset, preset.regions);
    const indices = engine.zeros([FEATURE_BATCH], 'u32', 'face numbers');
    const captured = await captureFeatures(engine, preset, parameters, data, indices).prepare();
    const { regions: regionTensor, global: globalTensor } = captured.outputs;
    if (!regionTensor) throw new Error('the encoder was given attention maps and must give region features');
    const [, regions, dim] = regionTensor.shape;
    const globalDim = globalTensor.shape[1];
    const region = new Float32Array(data.count * regions * dim);
    const global = new Float32Array(data.count * globalDim);
    try {
      for (let start = 0; start < data.count; start += FEATURE_BATCH) {
        const faces = Math.min(FEATURE_BATCH, data.count - start);
        engine.write(indices, Uint32Array.from({ length: FEATURE_BATCH }, (_, index) => start + Math.min(index, faces - 1)));
        captured.run();
        const [regionBatch, globalBatch] = await Promise.all([engine.read(regionTensor), engine.read(globalTensor)]);
        region.set(regionBatch.subarray(0, faces * regions * dim), start * regions * dim);
        global.set(globalBatch.subarray(0, faces * globalDim), start * globalDim);
        onProgress(start + faces);
      }
    } finally {
      captured.destroy();
    }
    return { count: data.count, regions, dim, globalDim, region, global };
  });
}
