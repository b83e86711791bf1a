/** Where JAA-Net centres an AU: a landmark on each side of the face and a vertical offset. */
export interface AuCentreRule {
  /** 0-based indices of the 49 points. */
  readonly points: readonly [number, number];
  /** Added to y (down), in units of the horizontal distance of the inner eye corners (points 22 and 25). */
  readonly offset: number;
}

const MOUTH_CORNERS: AuCentreRule = { points: [31, 37], offset: 0 };
const CHIN: AuCentreRule = { points: [39, 41], offset: 1 / 2 };
const LIP_CENTRES: AuCentreRule = { points: [34, 40], offset: 0 };

/** Rules of Shao et al. 2018 ("Deep adaptive attention for joint facial action unit detection and face alignment") by AU. */
export const AU_CENTRE_TABLE: Readonly<Record<number, AuCentreRule>> = {
  1: { points: [4, 5], offset: -1 / 2 },
  2: { points: [1, 8], offset: -1 / 3 },
  4: { points: [2, 7], offset: 1 / 3 },
  6: { points: [24, 29], offset: 1 },
  7: { points: [21, 26], offset: 0 },
  9: { points: [15, 17], offset: -1 / 2 },
  10: { points: [43, 45], offset: 0 },
  12: MOUTH_CORNERS,
  14: MOUTH_CORNERS,
  15: MOUTH_CORNERS,
  17: CHIN,
  23: LIP_CENTRES,
  24: LIP_CENTRES,
  25: LIP_CENTRES,
  26: CHIN,
};
