/** Augmented views and the attention maps that go with them, at a preset's sizes. */
import type { Engine } from '../../src/engine/index.js';
import { augmentImages } from '../../src/kernels/augment/index.js';
import { auMaps } from '../../src/kernels/regions/index.js';
import { stageSize, type Preset } from '../../src/model/presets.js';
import { FORWARD_TOLERANCE } from '../../src/verify/index.js';
import { input } from '../../src/verify/values.js';
import { augmentImage, parametersOf, type AugmentationRow } from '../../test/reference/augment.js';
import { mapCells } from '../../test/reference/regions.js';
import type { Prepared } from '../harness/subject.js';
import type { PlainCase } from './plain.js';

/** Faces in the table that views are made from. */
const FACES = 4;
const VIEWS = 2;
const SEED = 7;
/** Sine, cosine and logarithm may err by 2^-11, absolutely; they come scaled by the colours' spread. As in `zygo verify`. */
const IMAGE_TOLERANCE = 5e-4;
/** Points per cell along each axis, as `auMaps` has it. */
const SUBSAMPLES = 2;

/** What `faces` faces draw in two views, in f32 as kernels get it. */
function drawnRows({ augmentation, backbone, faceSize }: Preset, faces: number): AugmentationRow[] {
  return Array.from({ length: VIEWS * faces }, (_, row) => {
    const { geometry, colour } = parametersOf(augmentation, {
      seed: SEED,
      step: 1,
      view: Math.floor(row / faces),
      sample: row % faces,
      sizeIn: faceSize,
      sizeOut: backbone.imageSize,
    });
    return { geometry: geometry.map(Math.fround), colour: colour.map(Math.fround) };
  });
}

const flat = (rows: readonly AugmentationRow[], half: 'geometry' | 'colour'): Float32Array<ArrayBuffer> => Float32Array.from(rows.flatMap((row) => row[half]));

const indicesOf = (faces: number): Uint32Array<ArrayBuffer> => Uint32Array.from({ length: faces }, (_, face) => face % FACES);

/** The first and the last row: a reference of all would take minutes. */
const checkedRows = (rows: readonly unknown[]): number[] => [0, rows.length - 1];

function prepareImages(engine: Engine, preset: Preset, faces: number): Prepared {
  const { faceSize } = preset;
  const sizeOut = preset.backbone.imageSize;
  const rows = drawnRows(preset, faces);
  const bytes = Uint8Array.from(input([FACES * faceSize * faceSize * 4], 151).data, (value) => Math.floor((value + 1) * 128));
  const images = engine.tensor(new Uint32Array(bytes.slice().buffer), [FACES, faceSize, faceSize]);
  const [geometry, colour] = (['geometry', 'colour'] as const).map((half) => engine.tensor(flat(rows, half), [rows.length, 8]));
  const indices = engine.tensor(indicesOf(faces), [faces]);
  const step = engine.capture('augmented images', () => augmentImages(engine, images, indices, geometry, colour, { sizeOut }));
  return {
    step,
    against: 'float64 reference of the first and the last view',
    async check() {
      const size = faceSize * faceSize * 4;
      const pixels = 3 * sizeOut * sizeOut;
      const wanted = checkedRows(rows);
      const values = wanted.flatMap((row) => {
        const face = indicesOf(faces)[row % faces];
        return augmentImage(bytes.subarray(face * size, (face + 1) * size), faceSize, rows[row], row, sizeOut);
      });
      const at = wanted.flatMap((row) => Array.from({ length: pixels }, (_, pixel) => row * pixels + pixel));
      return [{ output: 'y', actual: await engine.read(step.outputs), expected: { values, at, tolerance: IMAGE_TOLERANCE } }];
    },
  };
}

function prepareMaps(engine: Engine, preset: Preset, faces: number, side: number): Prepared {
  const { regions, faceSize, backbone } = preset;
  const units = regions.actionUnits.length;
  const rows = drawnRows(preset, faces);
  const geometry = flat(rows, 'geometry');
  const centres = input([FACES, units, 2, 2], 152, { spread: 0.4 * faceSize, offset: 0.5 * faceSize });
  const options = { height: side, width: side, sizeOut: backbone.imageSize, sourceSize: faceSize, kind: regions.kind, radius: regions.radius, subsamples: SUBSAMPLES };
  const given = [engine.tensor(centres.data, centres.shape), engine.tensor(indicesOf(faces), [faces]), engine.tensor(geometry, [rows.length, 8])] as const;
  const step = engine.capture('attention maps', () => auMaps(engine, ...given, options));
  return {
    step,
    against: 'float64 reference of the first and the last view',
    async check() {
      const cells = mapCells(centres.data, indicesOf(faces), geometry, checkedRows(rows), { batch: faces, units, ...options });
      return [{ output: 'y', actual: await engine.read(step.outputs), expected: { ...cells, tolerance: FORWARD_TOLERANCE } }];
    },
  };
}

/** Two views of `faces` faces. */
export function imagesCase(preset: Preset, faces: number): PlainCase {
  const { name, backbone, faceSize } = preset;
  return { op: 'augmentImages', shape: `${VIEWS * faces} views, ${faceSize} -> ${backbone.imageSize} pixels`, model: name, pass: 'forward', prepare: (engine) => prepareImages(engine, preset, faces) };
}

/** Two views of `faces` faces, and their maps at every pooled stage. */
export function viewCases(preset: Preset, faces: number): PlainCase[] {
  const { name, backbone, regions } = preset;
  return [
    imagesCase(preset, faces),
    ...backbone.poolStages.map((stage): PlainCase => {
      const side = stageSize(backbone, stage);
      const shape = `[${VIEWS * faces}, ${regions.actionUnits.length}, ${side}, ${side}]`;
      return { op: 'auMaps', shape, model: name, pass: 'forward', prepare: (engine) => prepareMaps(engine, preset, faces, side) };
    }),
  ];
}
