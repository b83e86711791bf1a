/**
 * How often AUs occur and which occur together, from the published statistics of BP4D and DISFA
 * (shared reference "AU statistics for synthetic faces"), as a Gaussian copula on AU intensities.
 */
import { BP4D_AUS, DISFA_AUS, type ActionUnit } from '../action-units.js';
import { normalCdf, tetrachoric } from './bivariate-normal.js';
import { choleskyFactor, completeCorrelation } from './correlation-matrix.js';
import type { RandomStream } from './philox.js';

/** Which data set's AU statistics the synthetic faces follow. */
export type FaceMode = 'bp4d' | 'disfa';

/** Intensity from which an AU counts as present, on the scale 0 to 5 (DISFA's rule: positive is intensity >= 2). */
export const PRESENCE_INTENSITY = 2;

/** Strongest intensity (FACS "E"). */
export const MAX_INTENSITY = 5;

/** Of the faces without an AU, the part that shows it faintly (0 < intensity < 2): our choice, as hard negatives. */
const FAINT_SHARE = 0.3;

/** Exponent that makes stronger intensities rarer than weaker ones, within "faint" and within "present": our choice. */
const SKEW = 1.4;

/** Published marginals and correlations of one data set. */
export interface AuStatistics {
  readonly actionUnits: readonly ActionUnit[];
  /** Share of frames in which each AU of `actionUnits` is present, 0 to 1. */
  readonly prevalence: readonly number[];
  /** Listed phi coefficients of presence: [AU, AU, phi]. */
  readonly correlations: readonly (readonly [ActionUnit, ActionUnit, number])[];
}

/** The statistics by mode. */
export const AU_STATISTICS: Readonly<Record<FaceMode, AuStatistics>> = {
  bp4d: {
    actionUnits: BP4D_AUS,
    prevalence: [0.211, 0.171, 0.203, 0.461, 0.549, 0.594, 0.562, 0.466, 0.169, 0.343, 0.165, 0.151],
    correlations: [
      [6, 12, 0.54], [6, 7, 0.54], [10, 12, 0.53], [6, 10, 0.5], [1, 2, 0.46], [17, 24, 0.42], [7, 10, 0.39],
      [7, 12, 0.35], [15, 17, 0.29], [17, 23, 0.27], [23, 24, 0.26], [10, 14, 0.26], [6, 14, 0.25], [15, 23, 0.24],
      [14, 24, 0.23], [4, 12, -0.26], [10, 24, -0.1], [12, 24, -0.09], [2, 4, -0.08], [4, 10, -0.08],
    ],
  },
  disfa: {
    actionUnits: DISFA_AUS,
    prevalence: [0.05, 0.043, 0.152, 0.079, 0.042, 0.129, 0.277, 0.088],
    correlations: [
      [1, 2, 0.63], [6, 12, 0.5], [12, 25, 0.46], [6, 25, 0.36], [4, 9, 0.34], [25, 26, 0.31], [6, 9, 0.19],
      [1, 4, 0.13], [4, 12, -0.13],
    ],
  },
};

/** Draws AU intensities with the statistics of one mode. */
export class IntensitySampler {
  readonly actionUnits: readonly ActionUnit[];
  private readonly prevalence: readonly number[];
  private readonly factor: Float64Array;

  constructor(mode: FaceMode) {
    const { actionUnits, prevalence, correlations } = AU_STATISTICS[mode];
    this.actionUnits = actionUnits;
    this.prevalence = prevalence;
    const listed = correlations.map(([a, b, phi]) => {
      const i = actionUnits.indexOf(a);
      const j = actionUnits.indexOf(b);
      return { i, j, value: tetrachoric(prevalence[i], prevalence[j], phi) };
    });
    this.factor = choleskyFactor(completeCorrelation(actionUnits.length, listed), actionUnits.length);
  }

  /**
   * One intensity per AU of `actionUnits`, 0 to 5, such that P(intensity >= 2) is the prevalence.
   * @param random stream of the frame.
   */
  draw(random: RandomStream): Float64Array {
    const n = this.actionUnits.length;
    const independent = Float64Array.from({ length: n }, () => random.normal());
    return Float64Array.from({ length: n }, (_, i) => {
      let latent = 0;
      for (let j = 0; j <= i; j++) latent += this.factor[i * n + j] * independent[j];
      return intensityFromLatent(latent, this.prevalence[i]);
    });
  }
}

/**
 * Intensity of a standard normal latent: a monotone map whose value passes 2 where the upper tail is `prevalence`.
 * Below, 70 % of the mass is exactly 0 and the rest climbs from 0 to 2; above, it climbs from 2 to 5.
 */
export function intensityFromLatent(latent: number, prevalence: number): number {
  const rank = normalCdf(latent);
  if (rank >= 1 - prevalence) {
    const within = Math.min(1, (rank - (1 - prevalence)) / prevalence);
    return PRESENCE_INTENSITY + (MAX_INTENSITY - PRESENCE_INTENSITY) * within ** SKEW;
  }
  const faint = Math.max(0, (rank / (1 - prevalence) - (1 - FAINT_SHARE)) / FAINT_SHARE);
  // Just under 2, so that rounding never makes a faint movement a present one.
  return Math.min(PRESENCE_INTENSITY - 1e-6, PRESENCE_INTENSITY * faint ** SKEW);
}
