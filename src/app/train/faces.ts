/** The faces of a run: people of the training never stand in the test. */
import { LABEL_PRESENT, type FaceDataset } from '../../data/dataset.js';
import type { CanonicalMesh } from '../../data/faces/canonical-mesh.js';
import { generateFaces, type SyntheticFaces } from '../../data/faces/generate.js';
import type { Engine } from '../../engine/index.js';
import { identityGeometry } from '../../kernels/augment/index.js';
import { uploadDataset } from '../../model/device-dataset.js';
import { presetNamed, stageSize, type Preset } from '../../model/presets.js';
import { attentionMaps } from '../../model/training-step.js';
import { shaderSources } from '../../shaders.generated.js';
import type { FaceSample } from './protocol.js';
import type { TrainSettings } from './settings.js';

/** As `zygo train` has it: test faces differ from all training faces in pose, light and expression too. */
const TEST_SEED_OFFSET = 2 ** 32;

/**
 * Training and test faces of a run.
 * @param onProgress called with the number of faces done, of both sets together
 * @throws {DeviceError} when the device is lost
 */
export async function makeFaces(
  device: GPUDevice,
  mesh: CanonicalMesh,
  settings: TrainSettings,
  onProgress: (done: number) => void = () => {},
): Promise<{ training: SyntheticFaces; test: SyntheticFaces }> {
  const { faceSize, regions } = presetNamed(settings.preset);
  const common = {
    device,
    mesh,
    shaderSource: (name: string) => shaderSources[name],
    imageSize: faceSize,
    seed: settings.seed,
    mode: 'bp4d' as const,
    actionUnits: regions.actionUnits,
  };
  const training = await generateFaces({ ...common, count: settings.faces, identities: settings.identities, onProgress });
  const test = await generateFaces({
    ...common,
    seed: settings.seed + TEST_SEED_OFFSET,
    count: settings.testFaces,
    identities: settings.testIdentities,
    firstIdentity: settings.identities,
    onProgress: (done) => onProgress(settings.faces + done),
  });
  return { training, test };
}

/** The first `count` faces as a dataset of its own. */
function firstFaces(data: FaceDataset, count: number): FaceDataset {
  const pixels = data.imageSize * data.imageSize * 4;
  return {
    ...data,
    count,
    images: data.images.slice(0, count * pixels),
    landmarks: data.landmarks.slice(0, (count * data.landmarks.length) / data.count),
    labels: data.labels.slice(0, count * data.actionUnits.length),
    identities: data.identities.slice(0, count),
  };
}

/** The first faces of a dataset with the attention maps of the first pooled stage, drawn by the training's own kernel. */
export async function sampleFaces(engine: Engine, preset: Preset, data: FaceDataset, count: number): Promise<FaceSample> {
  const faces = firstFaces(data, Math.min(count, data.count));
  const maps = await engine.scope(async () => {
    const uploaded = uploadDataset(engine, faces, preset.regions);
    const indices = engine.tensor(Uint32Array.from({ length: faces.count }, (_, face) => face), [faces.count]);
    const { geometry } = identityGeometry(engine, { batch: faces.count, views: 1, sizeIn: faces.imageSize, sizeOut: preset.backbone.imageSize });
    const [first] = attentionMaps(engine, uploaded, preset, indices, geometry);
    return Float32Array.from(await engine.read(first));
  });
  const { actionUnits, imageSize, images, labels } = faces;
  return {
    imageSize,
    images,
    actionUnits,
    mapSize: stageSize(preset.backbone, preset.backbone.poolStages[0]),
    maps,
    present: Array.from({ length: faces.count }, (_, face) =>
      actionUnits.filter((_unit, column) => labels[face * actionUnits.length + column] === LABEL_PRESENT),
    ),
  };
}
