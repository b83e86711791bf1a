/** Training and test faces of a run: no person is in both. */
import { InputError, type Engine } from '../../engine/index.js';
import { LABEL_UNKNOWN, type FaceDataset } from '../../data/dataset.js';
import { fewLabels, splitByIdentity } from '../../data/splits.js';
import { readFaceFolder } from '../../platform/node/image-files.js';
import type { Progress } from '../progress.js';
import { selectFaces } from '../select-faces.js';
import { renderFaces } from '../synthetic.js';
import type { TrainSettings } from './settings.js';

/** A run's faces, of one image size and the same AUs; no person is in both sets. */
export interface TrainingData {
  readonly training: FaceDataset;
  readonly test: FaceDataset;
}

/** Share of the people of a folder whose faces are kept for the test. */
const TEST_FRACTION = 0.25;
/** Test faces differ from all training faces in pose, light and expression too: their seeds begin where 32 bits end. */
const TEST_SEED_OFFSET = 2 ** 32;

/**
 * Checks before training that the probes after it can be fitted: each AU needs labels of two people, also where a
 * tenth of the labels is kept.
 */
function expectProbeable({ actionUnits, labels, identities, count }: FaceDataset, seed: number): void {
  const everyone = Int32Array.from({ length: count }, (_, face) => face);
  const tenth = fewLabels(everyone, identities, { fraction: 0.1, strategy: 'per-identity', seed });
  for (const [faces, which] of [[everyone, 'all training faces'], [tenth, 'the tenth of the training faces that keeps its labels']] as const) {
    actionUnits.forEach((au, column) => {
      const people = new Set([...faces].filter((face) => labels[face * actionUnits.length + column] !== LABEL_UNKNOWN).map((face) => identities[face]));
      if (people.size < 2) {
        throw new InputError(
          `AU ${au} has known labels of ${people.size} ${people.size === 1 ? 'person' : 'people'} in ${which} (${faces.length} faces): ` +
            'expected at least 2 people, so that a probe can be validated; give more faces, or leave the AU out.',
        );
      }
    });
  }
}

/**
 * Reads a face folder and divides it by person.
 * @throws {InputError} for everything that the folder has wrong, and when it has too few people to train and test
 */
export async function folderData(folder: string, { preset, seed }: TrainSettings, progress: Progress): Promise<TrainingData> {
  let begun = false;
  const data = await readFaceFolder(folder, {
    imageSize: preset.faceSize,
    onProgress: (done, count) => {
      if (!begun) progress.begin('Reading faces', count, { unit: 'faces' });
      begun = true;
      progress.update(done);
    },
  });
  progress.end();
  const split = splitByIdentity(data.identities, TEST_FRACTION, seed);
  const parts = { training: selectFaces(data, split.train, 'training people'), test: selectFaces(data, split.test, 'test people') };
  expectProbeable(parts.training, seed);
  return parts;
}

/** Renders training and test faces of different people. */
export async function syntheticData(
  engine: Engine,
  statistics: 'bp4d' | 'disfa',
  { preset, budget, seed }: TrainSettings,
  progress: Progress,
  onFace: () => void = () => {},
): Promise<TrainingData> {
  const render = async (title: string, count: number, identities: number, firstIdentity: number, itsSeed: number) => {
    progress.begin(title, count, { unit: 'faces' });
    const faces = await renderFaces(engine, { count, identities, firstIdentity, imageSize: preset.faceSize, seed: itsSeed, mode: statistics }, (done) => {
      onFace();
      progress.update(done);
    });
    progress.end();
    return faces;
  };
  const training = await render('Rendering training faces', budget.faces, budget.identities, 0, seed);
  const test = await render('Rendering test faces', budget.testFaces, budget.testIdentities, budget.identities, seed + TEST_SEED_OFFSET);
  expectProbeable(training, seed);
  return { training, test };
}
