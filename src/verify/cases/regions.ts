/** AU centres and attention maps. */
import { KNOWN_AUS } from '../../data/action-units.js';
import { auCentres as centresOnCpu } from '../../data/landmarks.js';
import { auCentres, auMaps } from '../../kernels/regions/index.js';
import { mapValue } from '../../../test/reference/regions.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input, randomIndices } from '../values.js';
import { drawnRows, flat } from './augment.js';

function centresCase(): VerifyCase {
  const faces = 5;
  const landmarks = input([faces, 49, 2], 141, { spread: 30, offset: 40 });
  return {
    op: 'auCentres',
    name: `${faces} faces, ${KNOWN_AUS.length} AUs`,
    run: (engine) => ({ y: auCentres(engine, engine.tensor(landmarks.data, landmarks.shape), KNOWN_AUS) }),
    reference: () => ({
      y: {
        values: Array.from({ length: faces }, (_, face) => KNOWN_AUS.flatMap((unit) => centresOnCpu(landmarks.data, unit, face).flat())).flat(),
        tolerance: FORWARD_TOLERANCE,
      },
    }),
  };
}

/** Pixels of the source and of the augmented view that `drawnRows` maps between. */
const [SOURCE, VIEW] = [20, 37];

function mapsCase(kind: 'l1' | 'gaussian', subsamples: number): VerifyCase {
  const [batch, faces, units, height, width, radius] = [9, 4, 5, 8, 6, 0.2];
  const centres = input([faces, units, 2, 2], 142, { spread: 7, offset: 10 });
  const indices = randomIndices(batch, faces, 143);
  const geometry = flat(drawnRows(batch), 'geometry');
  const rows = geometry.length / 8;
  const options = { height, width, sizeOut: VIEW, sourceSize: SOURCE, kind, radius, subsamples };
  /** How far the nearest cut of an L1 map is from a source position: there rounding decides. */
  const nearCut = (x: number, y: number, pair: readonly (readonly [number, number])[]): boolean =>
    kind === 'l1' && pair.some(([cx, cy]) => Math.abs(Math.max(Math.abs(x - cx), Math.abs(y - cy)) - (4.5 / 52 / 0.14) * radius * SOURCE) < 1e-3);
  return {
    op: 'auMaps',
    name: `${rows} views, ${units} AUs, ${height} x ${width}, ${kind}`,
    run: (engine) => ({
      y: auMaps(
        engine,
        engine.tensor(centres.data, centres.shape),
        engine.tensor(indices, [batch]),
        engine.tensor(geometry, [rows, 8]),
        options,
      ),
    }),
    reference() {
      const at: number[] = [];
      const values: number[] = [];
      for (let index = 0; index < rows * units * height * width; index++) {
        const [column, line] = [index % width, Math.floor(index / width) % height];
        const unit = Math.floor(index / (width * height)) % units;
        const row = Math.floor(index / (width * height * units));
        const [a, b, c, d, e, f] = geometry.subarray(8 * row, 8 * row + 6);
        const first = 4 * (indices[row % batch] * units + unit);
        const pair = [0, 2].map((side) => [centres.data[first + side], centres.data[first + side + 1]] as const);
        let expected = 0;
        let known = true;
        for (let v = 0; v < subsamples; v++) {
          for (let u = 0; u < subsamples; u++) {
            const px = ((column + (u + 0.5) / subsamples) * VIEW) / width;
            const py = ((line + (v + 0.5) / subsamples) * VIEW) / height;
            const [x, y] = [a * px + b * py + c, d * px + e * py + f];
            expected += mapValue(x, y, pair, options) / subsamples ** 2;
            known &&= !nearCut(x, y, pair);
          }
        }
        if (!known) continue;
        at.push(index);
        values.push(expected);
      }
      return { y: { values, at, tolerance: FORWARD_TOLERANCE } };
    },
  };
}

/** Cases of src/kernels/regions. */
export function regionCases(): VerifyCase[] {
  return [centresCase(), mapsCase('l1', 2), mapsCase('gaussian', 1)];
}
