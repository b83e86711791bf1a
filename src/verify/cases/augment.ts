/** Augmentation: what is drawn, and images and landmarks under given geometry. */
import {
  augmentImages,
  augmentationParameters,
  augmentLandmarks,
  type AugmentationOptions,
} from '../../kernels/augment/index.js';
import * as reference from '../../../test/reference/augment.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input, randomIndices } from '../values.js';

const OPTIONS: AugmentationOptions = {
  cropArea: [0.5, 1],
  aspect: 1.3,
  rotation: 20,
  translation: 0.05,
  flip: 0.5,
  brightness: 0.4,
  contrast: 0.3,
  saturation: 0.5,
  hue: 0.1,
  jitterProbability: 0.8,
  grey: 0.3,
  blur: [0.7, 0.3],
  blurSigma: [0.3, 1],
  solarise: [0, 0.5],
  noise: 0.05,
};
const [SEED, STEP, SIZE_IN, SIZE_OUT, VIEWS, BATCH, FACES] = [7, 3, 20, 37, 2, 9, 4];

/** WGSL allows sine, cosine and the logarithm of the noise an absolute error of 2^-11; they come scaled by the colours' spread. */
const IMAGE_TOLERANCE = 5e-4;
/** The same error of sine and cosine moves a corner of the crop, whose place is relative to the image's width. */
const GEOMETRY_TOLERANCE = 2 ** -11;
/** Solarise is not continuous: values this near its threshold are not compared. */
const SOLARISE_MARGIN = 2e-3;
const NOISE_KEY = 2 ** 24;

/** What every view of every face draws, in float64. */
export function drawnRows(batch = BATCH): reference.AugmentationRow[] {
  return Array.from({ length: VIEWS * batch }, (_, row) =>
    reference.parametersOf(OPTIONS, { seed: SEED, step: STEP, view: Math.floor(row / batch), sample: row % batch, sizeIn: SIZE_IN, sizeOut: SIZE_OUT }),
  );
}

/** The same numbers in f32, as kernels get them, in both places. */
function roundedRows(): reference.AugmentationRow[] {
  return drawnRows().map(({ geometry, colour }) => ({
    geometry: geometry.map((value, at) => (at === 7 ? Math.floor(value) % NOISE_KEY : Math.fround(value))),
    colour: colour.map(Math.fround),
  }));
}

/** [rows, 8] of one half of the rows. */
export const flat = (rows: readonly reference.AugmentationRow[], half: 'geometry' | 'colour'): Float32Array<ArrayBuffer> =>
  Float32Array.from(rows.flatMap((row) => row[half]));

function parametersCase(): VerifyCase {
  const batch = 41;
  return {
    op: 'augmentationParameters',
    name: `${VIEWS} views of ${batch}`,
    run(engine) {
      const stepKey = engine.tensor(Uint32Array.of(SEED, STEP), [2]);
      const { geometry, colour } = augmentationParameters(engine, { batch, views: VIEWS, sizeIn: SIZE_IN, sizeOut: SIZE_OUT, stepKey, options: OPTIONS });
      return { geometry, 'noise key': geometry, colour };
    },
    reference() {
      const geometry = flat(drawnRows(batch), 'geometry');
      // The key is a whole number up to 2^24 among numbers of a few pixels: it is compared exactly and on its own.
      const [key, others] = [true, false].map((wanted) => Array.from(geometry.keys()).filter((at) => (at % 8 === 7) === wanted));
      const scale = Math.max(...others.map((at) => Math.abs(geometry[at]))) / Math.max(...key.map((at) => geometry[at]));
      return {
        geometry: { values: others.map((at) => geometry[at]), at: others, tolerance: GEOMETRY_TOLERANCE * scale },
        'noise key': { values: key.map((at) => geometry[at]), at: key, tolerance: 0 },
        colour: { values: flat(drawnRows(batch), 'colour'), tolerance: FORWARD_TOLERANCE },
      };
    },
  };
}

function imagesCase(): VerifyCase {
  const bytes = Uint8Array.from(input([FACES * SIZE_IN * SIZE_IN * 4], 131).data, (value) => Math.floor((value + 1) * 128));
  const indices = randomIndices(BATCH, FACES, 132);
  const rows = roundedRows();
  const imageOf = (row: number) => bytes.subarray(indices[row % BATCH] * SIZE_IN * SIZE_IN * 4, (indices[row % BATCH] + 1) * SIZE_IN * SIZE_IN * 4);
  return {
    op: 'augmentImages',
    name: `${VIEWS} views of ${BATCH}, ${SIZE_IN} -> ${SIZE_OUT}`,
    run(engine) {
      const [geometry, colour] = (['geometry', 'colour'] as const).map((half) => engine.tensor(flat(rows, half), [rows.length, 8]));
      const images = engine.tensor(new Uint32Array(bytes.slice().buffer), [FACES, SIZE_IN, SIZE_IN]);
      return { y: augmentImages(engine, images, engine.tensor(indices, [BATCH]), geometry, colour, { sizeOut: SIZE_OUT }) };
    },
    reference() {
      const at: number[] = [];
      const values: number[] = [];
      rows.forEach((row, index) => {
        const augmented = reference.augmentImage(imageOf(index), SIZE_IN, row, index, SIZE_OUT);
        // Without noise and solarise: how far a value is from the threshold.
        const plain = { geometry: row.geometry, colour: row.colour.map((value, place) => (place >= 6 ? 0 : value)) };
        const before = row.colour[6] > 0 ? reference.augmentImage(imageOf(index), SIZE_IN, plain, index, SIZE_OUT) : null;
        augmented.forEach((value, place) => {
          if (before && Math.abs(before[place] * 0.25) < SOLARISE_MARGIN) return;
          at.push(index * augmented.length + place);
          values.push(value);
        });
      });
      return { y: { values, at, tolerance: IMAGE_TOLERANCE } };
    },
  };
}

function landmarksCase(): VerifyCase {
  const points = 49;
  const landmarks = input([FACES, points, 2], 133, { spread: 10, offset: 10 });
  const permutation = Uint32Array.from({ length: points }, (_, point) => points - 1 - point);
  const indices = randomIndices(BATCH, FACES, 134);
  const rows = roundedRows();
  return {
    op: 'augmentLandmarks',
    name: `${VIEWS} views of ${BATCH}, ${points} points`,
    run: (engine) => ({
      y: augmentLandmarks(
        engine,
        engine.tensor(landmarks.data, landmarks.shape),
        engine.tensor(indices, [BATCH]),
        engine.tensor(flat(rows, 'geometry'), [rows.length, 8]),
        engine.tensor(permutation, [points]),
      ),
    }),
    reference() {
      const values = rows.flatMap(({ geometry }, row) =>
        Array.from({ length: points }, (_, point) => {
          const at = 2 * (indices[row % BATCH] * points + (geometry[6] > 0 ? permutation[point] : point));
          return reference.toOutput(geometry, landmarks.data[at], landmarks.data[at + 1]);
        }).flat(),
      );
      return { y: { values, tolerance: FORWARD_TOLERANCE } };
    },
  };
}

/** Cases of src/kernels/augment. */
export function augmentCases(): VerifyCase[] {
  return [parametersCase(), imagesCase(), landmarksCase()];
}
