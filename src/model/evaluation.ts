/** Linear probes on frozen region features, with all labels and with a tenth of them. */
import type { FaceDataset } from '../data/dataset.js';
import { evaluateProbe, fitProbe, type ProbeFeatures, type ProbeResult } from '../data/probe/probe.js';
import { fewLabels } from '../data/splits.js';
import type { DatasetFeatures } from './features.js';

/** Scores of one network on the test faces, by probes fitted on the training faces; made by {@link evaluateFeatures}. */
export interface Evaluation {
  readonly allLabels: ProbeResult;
  /** The same with 10 % of the training labels. */
  readonly tenPercent: ProbeResult;
}

const FEW = 0.1;

/** Each AU's probe sees the feature of its own region. */
function probeFeatures({ region, dim }: DatasetFeatures): ProbeFeatures {
  return { layout: 'per-au', dimension: dim, data: region };
}

/** The rows of chosen faces. */
function rowsOf<A extends Float32Array | Uint8Array>(data: A, width: number, faces: Int32Array): A {
  const rows = new (data.constructor as new (length: number) => A)(faces.length * width);
  faces.forEach((face, index) => rows.set(data.subarray(face * width, (face + 1) * width) as never, index * width));
  return rows;
}

/**
 * Fits probes on the training faces and scores them on the test faces; the test labels choose nothing.
 * @param seed decides the folds inside the training labels and which tenth of them is kept
 * @throws {InputError} when the kept labels of an AU show fewer than two people; see `fitProbe`
 */
export function evaluateFeatures(
  training: { readonly data: FaceDataset; readonly features: DatasetFeatures },
  test: { readonly data: FaceDataset; readonly features: DatasetFeatures },
  seed: number,
): Evaluation {
  const { data, features } = training;
  const { actionUnits } = data;
  const width = features.regions * features.dim;
  const testFeatures = probeFeatures(test.features);
  const score = (faces: Int32Array): ProbeResult => {
    const chosen: ProbeFeatures = { layout: 'per-au', dimension: features.dim, data: rowsOf(features.region, width, faces) };
    const labels = rowsOf(data.labels, actionUnits.length, faces);
    const identities = Int32Array.from(faces, (face) => data.identities[face]);
    return evaluateProbe(fitProbe(chosen, labels, identities, { actionUnits, seed }), testFeatures, test.data.labels);
  };
  const everyone = Int32Array.from({ length: data.count }, (_, face) => face);
  return {
    allLabels: score(everyone),
    tenPercent: score(fewLabels(everyone, data.identities, { fraction: FEW, strategy: 'per-identity', seed })),
  };
}
