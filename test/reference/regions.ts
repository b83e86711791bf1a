/** Float64 references of the AU centres and maps. */

/** Value of one map at a source position: JAA-Net's L1 fall-off in a box, or a Gaussian; maximum of two centres. */
export function mapValue(
  x: number,
  y: number,
  centres: readonly (readonly [number, number])[],
  { kind, radius, sourceSize }: { kind: 'l1' | 'gaussian'; radius: number; sourceSize: number },
): number {
  const extent = radius * sourceSize;
  return Math.max(
    ...centres.map(([cx, cy]) => {
      const [dx, dy] = [Math.abs(x - cx), Math.abs(y - cy)];
      if (kind === 'gaussian') return Math.exp(-(dx * dx + dy * dy) / (2 * (extent / 2) ** 2));
      return Math.max(dx, dy) < (4.5 / 52 / 0.14) * extent ? Math.max(0, 1 - (0.56 * (dx + dy)) / extent) : 0;
    }),
  );
}

/** What maps of augmented views are made from; see `auMaps`. */
export interface MapSizes {
  /** Faces that `indices` names; row v * batch + i is view v of face indices[i]. */
  readonly batch: number;
  readonly units: number;
  readonly height: number;
  readonly width: number;
  readonly sizeOut: number;
  readonly sourceSize: number;
  readonly kind: 'l1' | 'gaussian';
  readonly radius: number;
  readonly subsamples: number;
}

/** Nearer than this to the cut of an L1 map (in source pixels) rounding decides. */
const CUT_MARGIN = 1e-3;

/**
 * Values of attention maps [rows, units, height, width], and their places: cells with a sample at the cut of an L1 map
 * are left out.
 * @param centres [faces, units, 2, 2]
 * @param geometry [rows, 8]
 * @param rows of the geometry whose maps are wanted
 */
export function mapCells(
  centres: ArrayLike<number>,
  indices: ArrayLike<number>,
  geometry: ArrayLike<number>,
  rows: readonly number[],
  { batch, units, height, width, sizeOut, sourceSize, kind, radius, subsamples }: MapSizes,
): { at: number[]; values: number[] } {
  const cut = (4.5 / 52 / 0.14) * radius * sourceSize;
  const cells = units * height * width;
  const at: number[] = [];
  const values: number[] = [];
  for (const row of rows) {
    const [a, b, c, d, e, f] = Array.from({ length: 6 }, (_, part) => geometry[8 * row + part]);
    for (let cell = 0; cell < cells; cell++) {
      const [column, line] = [cell % width, Math.floor(cell / width) % height];
      const first = 4 * (indices[row % batch] * units + Math.floor(cell / (width * height)));
      const pair = [0, 2].map((side) => [centres[first + side], centres[first + side + 1]] as const);
      let value = 0;
      let known = true;
      for (let v = 0; v < subsamples; v++) {
        for (let u = 0; u < subsamples; u++) {
          const px = ((column + (u + 0.5) / subsamples) * sizeOut) / width;
          const py = ((line + (v + 0.5) / subsamples) * sizeOut) / height;
          const [x, y] = [a * px + b * py + c, d * px + e * py + f];
          value += mapValue(x, y, pair, { kind, radius, sourceSize }) / subsamples ** 2;
          known &&= kind !== 'l1' || !pair.some(([cx, cy]) => Math.abs(Math.max(Math.abs(x - cx), Math.abs(y - cy)) - cut) < CUT_MARGIN);
        }
      }
      if (!known) continue;
      at.push(row * cells + cell);
      values.push(value);
    }
  }
  return { at, values };
}

/** JAA-Net's own map on an S-wide grid, centre on a cell: a box of half-size round((S − 1)/2 · 0.14). */
export function jaaNetMap(size: number, column: number, row: number): number[] {
  const half = Math.round(((size - 1) / 2) * 0.14);
  return Array.from({ length: size * size }, (_, cell) => {
    const [dx, dy] = [Math.abs((cell % size) - column), Math.abs(Math.floor(cell / size) - row)];
    return Math.max(dx, dy) > half ? 0 : Math.max(0, 1 - ((dx + dy) * 0.56) / (0.14 * size));
  });
}
