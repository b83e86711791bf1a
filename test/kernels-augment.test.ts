import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, ShapeError, type Engine } from '../src/engine/index.js';
import {
  augmentImages,
  augmentationParameters,
  augmentLandmarks,
  identityGeometry,
  type Augmentation,
  type AugmentationOptions,
} from '../src/kernels/augment/index.js';
import { expectClose, randomValues, withEngine } from './helpers.js';
import * as reference from './reference/augment.js';

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
const STILL: AugmentationOptions = {
  cropArea: [1, 1],
  rotation: 0,
  flip: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
  jitterProbability: 0,
  grey: 0,
  blur: [0, 0],
  blurSigma: [0, 0],
};
const [SEED, STEP, SIZE_IN, SIZE_OUT, BATCH, VIEWS] = [7, 3, 20, 13, 9, 2];

/** WGSL allows sine and cosine an error of 2^-11, and the offsets multiply it by up to half the image. */
const GEOMETRY_TOLERANCE = 2 ** -11 * SIZE_IN;

const stepKey = (engine: Engine, seed = SEED, step = STEP) => engine.tensor(Uint32Array.of(seed, step), [2]);
const draw = (engine: Engine, options: AugmentationOptions, seed = SEED, step = STEP): Augmentation =>
  augmentationParameters(engine, { batch: BATCH, views: VIEWS, sizeIn: SIZE_IN, sizeOut: SIZE_OUT, stepKey: stepKey(engine, seed, step), options });

/** Smooth images with sharp corners here and there: bytes RGBA. */
const bytes = (faces: number) => Uint8Array.from(randomValues(faces * SIZE_IN * SIZE_IN * 4, 1), (value) => Math.floor((value + 1) * 128));
const packed = (data: Uint8Array) => new Uint32Array(data.slice().buffer);

/** Geometry and colour rows as the device gave them. */
async function rowsOf(engine: Engine, { geometry, colour }: Augmentation): Promise<reference.AugmentationRow[]> {
  const [g, c] = [await engine.read(geometry), await engine.read(colour)];
  return Array.from({ length: g.length / 8 }, (_, row) => ({
    geometry: [...g.subarray(8 * row, 8 * row + 8)],
    colour: [...c.subarray(8 * row, 8 * row + 8)],
  }));
}

test('parameters follow the definition for every view of every sample', () =>
  withEngine(async (engine) => {
    const drawn = draw(engine, OPTIONS);
    const expected = Array.from({ length: VIEWS * BATCH }, (_, row) =>
      reference.parametersOf(OPTIONS, { seed: SEED, step: STEP, view: Math.floor(row / BATCH), sample: row % BATCH, sizeIn: SIZE_IN, sizeOut: SIZE_OUT }),
    );
    const rows = await rowsOf(engine, drawn);
    rows.forEach((row, index) => {
      row.geometry.forEach((value, at) => assert.ok(Math.abs(value - expected[index].geometry[at]) < GEOMETRY_TOLERANCE, `geometry ${index}.${at}: ${value}, expected ${expected[index].geometry[at]}`));
      row.colour.forEach((value, at) => assert.ok(Math.abs(value - expected[index].colour[at]) < 1e-5, `colour ${index}.${at}`));
    });
    for (const [what, values] of [
      ['flip', rows.map((row) => row.geometry[6])],
      ['grey', rows.map((row) => row.colour[4])],
      ['blur', rows.map((row) => Math.min(1, row.colour[5]))],
    ] as const) {
      assert.ok(new Set(values.map((value) => value > 0)).size === 2, `${what} happens to some rows and not to others`);
    }
  }));

test('the same key gives the same bits, another step others', () =>
  withEngine(async (engine) => {
    const read = async (augmentation: Augmentation) => [...(await engine.read(augmentation.geometry)), ...(await engine.read(augmentation.colour))];
    const first = await read(draw(engine, OPTIONS));
    assert.deepEqual(await read(draw(engine, OPTIONS)), first);
    assert.notDeepEqual(await read(draw(engine, OPTIONS, SEED, STEP + 1)), first);
    assert.notDeepEqual(await read(draw(engine, OPTIONS, SEED + 1, STEP)), first);
  }));

test('options of no effect give the identity', () =>
  withEngine(async (engine) => {
    const still = draw(engine, STILL);
    const identity = identityGeometry(engine, { batch: BATCH, views: VIEWS, sizeIn: SIZE_IN, sizeOut: SIZE_OUT });
    const expected = await rowsOf(engine, identity);
    (await rowsOf(engine, still)).forEach(({ geometry, colour }, index) => {
      geometry.slice(0, 7).forEach((value, at) => assert.ok(Math.abs(value - expected[index].geometry[at]) < 1e-5));
      colour.forEach((value, at) => assert.ok(value === expected[index].colour[at]));
    });
  }));

test('images equal the float64 reference: sampling, blur, colours, solarise and noise', () =>
  withEngine(async (engine) => {
    const faces = 4;
    const data = bytes(faces);
    const images = engine.tensor(packed(data), [faces, SIZE_IN, SIZE_IN]);
    const indices = Uint32Array.from({ length: BATCH }, (_, index) => (index * 3) % faces);
    const drawn = draw(engine, OPTIONS);
    const y = augmentImages(engine, images, engine.tensor(indices, [BATCH]), drawn.geometry, drawn.colour, { sizeOut: SIZE_OUT });
    assert.deepEqual(y.shape, [VIEWS * BATCH, SIZE_OUT, SIZE_OUT, 3]);
    const actual = await engine.read(y);
    const pixels = SIZE_OUT * SIZE_OUT * 3;
    let jumps = 0;
    (await rowsOf(engine, drawn)).forEach((row, index) => {
      const face = indices[index % BATCH];
      const image = data.subarray(face * SIZE_IN * SIZE_IN * 4, (face + 1) * SIZE_IN * SIZE_IN * 4);
      reference.augmentImage(image, SIZE_IN, row, index, SIZE_OUT).forEach((expected, at) => {
        const difference = Math.abs(actual[index * pixels + at] - expected);
        // Solarise is not continuous: at 1/2 a rounding error may decide.
        if (difference > 5e-4 && row.colour[6] > 0) jumps += 1;
        else assert.ok(difference <= 5e-4, `row ${index} value ${at}: ${actual[index * pixels + at]} instead of ${expected}`);
      });
    });
    assert.ok(jumps <= 3, `${jumps} values differ across the solarise threshold`);
  }));

test('the identity at equal size gives the image itself, normalised', () =>
  withEngine(async (engine) => {
    const data = bytes(2);
    const { geometry, colour } = identityGeometry(engine, { batch: 2, sizeIn: SIZE_IN, sizeOut: SIZE_IN });
    const images = engine.tensor(packed(data), [2, SIZE_IN, SIZE_IN]);
    const indices = engine.tensor(Uint32Array.of(1, 0), [2]);
    const y = augmentImages(engine, images, indices, geometry, colour, { sizeOut: SIZE_IN, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] });
    const [mean, std] = [[0.4, 0.5, 0.6], [0.2, 0.25, 0.3]];
    const expected: number[] = [];
    for (const face of [1, 0]) {
      for (let pixel = 0; pixel < SIZE_IN * SIZE_IN; pixel++) {
        for (const channel of [0, 1, 2]) expected.push((data[4 * (face * SIZE_IN * SIZE_IN + pixel) + channel] / 255 - mean[channel]) / std[channel]);
      }
    }
    // The YIQ matrices are inverse to each other to four digits only.
    await expectClose(engine, y, expected, 1e-3, 'identity');
  }));

test('landmarks land where their pixels land, and swap sides in a flip', () =>
  withEngine(async (engine) => {
    const points = 49;
    const faces = 3;
    const landmarks = randomValues(faces * points * 2, 2).map((value) => (value + 1) * 10);
    const permutation = Uint32Array.from({ length: points }, (_, point) => points - 1 - point);
    const indices = Uint32Array.from({ length: BATCH }, (_, index) => (index + 1) % faces);
    const drawn = draw(engine, OPTIONS);
    const y = augmentLandmarks(
      engine,
      engine.tensor(landmarks, [faces, points, 2]),
      engine.tensor(indices, [BATCH]),
      drawn.geometry,
      engine.tensor(permutation, [points]),
    );
    const expected = (await rowsOf(engine, drawn)).flatMap(({ geometry }, row) =>
      Array.from({ length: points }, (_, point) => {
        const at = 2 * (indices[row % BATCH] * points + (geometry[6] > 0 ? permutation[point] : point));
        return reference.toOutput(geometry, landmarks[at], landmarks[at + 1]);
      }).flat(),
    );
    await expectClose(engine, y, expected, 1e-5, 'landmarks');
  }));

test('options and shapes that make no sense are refused in words', () =>
  withEngine(async (engine) => {
    assert.throws(() => draw(engine, { ...OPTIONS, flip: 1.5 }), (error: unknown) => error instanceof InputError && /flip is 1.5/.test(error.message));
    const { geometry, colour } = draw(engine, STILL);
    const images = engine.zeros([2, SIZE_IN, SIZE_IN], 'u32');
    assert.throws(() => augmentImages(engine, images, engine.zeros([4], 'u32'), geometry, colour, { sizeOut: 8 }), ShapeError);
  }));
