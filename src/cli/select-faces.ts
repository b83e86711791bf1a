import type { FaceDataset } from '../data/dataset.js';

/**
 * Some faces of a dataset, in the order given.
 * @param faces face numbers, below its count
 * @param which said behind the dataset's source, for reports
 */
export function selectFaces(data: FaceDataset, faces: ArrayLike<number>, which: string): FaceDataset {
  const list = Int32Array.from(faces);
  const rows = <T extends Uint8Array | Float32Array | Int32Array>(values: T, Values: new (length: number) => T): T => {
    const width = values.length / data.count;
    const chosen = new Values(list.length * width);
    list.forEach((face, index) => chosen.set(values.subarray(face * width, (face + 1) * width), index * width));
    return chosen;
  };
  return {
    ...data,
    source: `${data.source}, ${which}`,
    count: list.length,
    images: rows(data.images, Uint8Array),
    landmarks: rows(data.landmarks, Float32Array),
    labels: rows(data.labels, Uint8Array),
    identities: rows(data.identities, Int32Array),
  };
}
