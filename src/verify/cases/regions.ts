/** AU centres and attention maps. */
import { KNOWN_AUS } from '../../data/action-units.js';
import { auCentres as centresOnCpu } from '../../data/landmarks.js';
import { auCentres, auMaps } from '../../kernels/regions/index.js';
import { mapCells } from '../../../test/reference/regions.js';
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
      const all = Array.from({ length: rows }, (_, row) => row);
      const sizes = { batch, units, ...options };
      return { y: { ...mapCells(centres.data, indices, geometry, all, sizes), tolerance: FORWARD_TOLERANCE } };
    },
  };
}

/** Cases of src/kernels/regions. */
export function regionCases(): VerifyCase[] {
  return [centresCase(), mapsCase('l1', 2), mapsCase('gaussian', 1)];
}
