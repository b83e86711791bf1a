import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNOWN_AUS } from '../src/data/action-units.js';
import { auCentres as centresOnCpu } from '../src/data/landmarks.js';
import { InputError, type Engine } from '../src/engine/index.js';
import { augmentationParameters, identityGeometry } from '../src/kernels/augment/index.js';
import { auCentres, auMaps } from '../src/kernels/regions/index.js';
import { expectClose, randomValues, withEngine } from './helpers.js';
import * as reference from './reference/regions.js';

const SIZE_IN = 80;
const SIZE_OUT = 64;

const facePoints = (faces: number) => randomValues(faces * 98, 1).map((value) => 40 + 30 * value);

test('AU centres equal the CPU rule for every known AU', () =>
  withEngine(async (engine) => {
    const faces = 5;
    const landmarks = facePoints(faces);
    const centres = auCentres(engine, engine.tensor(landmarks, [faces, 49, 2]), KNOWN_AUS);
    const expected = Array.from({ length: faces }, (_, face) => KNOWN_AUS.flatMap((unit) => centresOnCpu(landmarks, unit, face).flat())).flat();
    await expectClose(engine, centres, expected, 1e-6, 'centres');
    assert.throws(() => auCentres(engine, engine.zeros([1, 49, 2]), [3]), InputError);
  }));

test("a map on 52 cells with its centre on a cell is JAA-Net's", () =>
  withEngine(async (engine) => {
    const size = 52;
    // Both centres in the same place: the maximum of two is one map.
    const centres = engine.tensor([20.5, 31.5, 20.5, 31.5], [1, 1, 2, 2]);
    const { geometry } = identityGeometry(engine, { batch: 1, sizeIn: size, sizeOut: size });
    const maps = auMaps(engine, centres, engine.tensor(Uint32Array.of(0), [1]), geometry, {
      height: size,
      width: size,
      sizeOut: size,
      sourceSize: size,
      kind: 'l1',
      subsamples: 1,
    });
    await expectClose(engine, maps, reference.jaaNetMap(size, 20, 31), 1e-5, 'map');
  }));

test('maps follow crop, rotation and flip: each cell is the mean over its source positions', () =>
  withEngine(async (engine) => {
    const [batch, views, faces, units, height, width] = [3, 2, 4, 5, 8, 6];
    const centreValues = randomValues(faces * units * 4, 2).map((value) => 40 + 30 * value);
    const centres = engine.tensor(centreValues, [faces, units, 2, 2]);
    const indices = [2, 0, 3];
    const { geometry } = augmentationParameters(engine, {
      batch,
      views,
      sizeIn: SIZE_IN,
      sizeOut: SIZE_OUT,
      stepKey: engine.tensor(Uint32Array.of(1, 2), [2]),
      options: {
        cropArea: [0.5, 0.9], aspect: 1.2, rotation: 30, flip: 0.5, brightness: 0, contrast: 0, saturation: 0, hue: 0,
        jitterProbability: 0, grey: 0, blur: [0, 0], blurSigma: [0, 0],
      },
    });
    const rows = await engine.read(geometry);
    for (const kind of ['l1', 'gaussian'] as const) {
      for (const subsamples of [1, 2, 4]) {
        const options = { height, width, sizeOut: SIZE_OUT, sourceSize: SIZE_IN, kind, radius: 0.2, subsamples };
        const maps = await engine.read(auMaps(engine, centres, engine.tensor(Uint32Array.from(indices), [batch]), geometry, options));
        let edges = 0;
        maps.forEach((actual, index) => {
          const [column, line] = [index % width, Math.floor(index / width) % height];
          const unit = Math.floor(index / (width * height)) % units;
          const row = Math.floor(index / (width * height * units));
          const [a, b, c, d, e, f] = rows.subarray(8 * row, 8 * row + 6);
          const first = 4 * (indices[row % batch] * units + unit);
          const pair = [0, 2].map((side) => [centreValues[first + side], centreValues[first + side + 1]] as const);
          let expected = 0;
          for (let v = 0; v < subsamples; v++) {
            for (let u = 0; u < subsamples; u++) {
              const px = ((column + (u + 0.5) / subsamples) * SIZE_OUT) / width;
              const py = ((line + (v + 0.5) / subsamples) * SIZE_OUT) / height;
              expected += reference.mapValue(a * px + b * py + c, d * px + e * py + f, pair, options) / subsamples ** 2;
            }
          }
          // The L1 map is cut at the edge of its box, where rounding may decide.
          if (Math.abs(actual - expected) > 1e-4) edges += 1;
        });
        assert.ok(edges <= (kind === 'l1' ? 2 : 0), `${kind} with ${subsamples}² points: ${edges} cells differ`);
      }
    }
  }));

test('a flipped view has the flipped map', () =>
  withEngine(async (engine: Engine) => {
    const size = 16;
    const centres = engine.tensor([20, 30, 57, 44], [1, 1, 2, 2]);
    const indices = engine.tensor(Uint32Array.of(0), [1]);
    const scale = SIZE_IN / SIZE_OUT;
    const straight = engine.tensor([scale, 0, 0, 0, scale, 0, 0, 0], [1, 8]);
    const flipped = engine.tensor([-scale, 0, SIZE_IN, 0, scale, 0, 1, 0], [1, 8]);
    const options = { height: size, width: size, sizeOut: SIZE_OUT, sourceSize: SIZE_IN, kind: 'l1' } as const;
    const map = await engine.read(auMaps(engine, centres, indices, straight, options));
    const mirrored = Float32Array.from(map, (_, cell) => map[cell - (cell % size) + size - 1 - (cell % size)]);
    assert.ok(Math.max(...map) > 0.5);
    await expectClose(engine, auMaps(engine, centres, indices, flipped, options), mirrored, 1e-5, 'flipped map');
  }));
