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

/** JAA-Net's own map on an S-wide grid, centre on a cell: a box of half-size round((S − 1)/2 · 0.14). */
export function jaaNetMap(size: number, column: number, row: number): number[] {
  const half = Math.round(((size - 1) / 2) * 0.14);
  return Array.from({ length: size * size }, (_, cell) => {
    const [dx, dy] = [Math.abs((cell % size) - column), Math.abs(Math.floor(cell / size) - row)];
    return Math.max(dx, dy) > half ? 0 : Math.max(0, 1 - ((dx + dy) * 0.56) / (0.14 * size));
  });
}
