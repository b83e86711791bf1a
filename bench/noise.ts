/** Says when a run was too noisy for small differences to be told. */
import { formatShare } from './format.js';
import type { BenchResult } from './harness/schema.js';

/** A canary that varies by more, or is out of its band more often, is no quiet device's. */
const NOISY = 0.2;

/** Empty for a quiet run. */
export function noiseWarnings({ canary: { baseline, tolerance, wall, renewed, outOfBand, of } }: Pick<BenchResult, 'canary'>): string[] {
  const widest = Math.max(tolerance, wall?.tolerance ?? 0, ...renewed.map((band) => band.tolerance));
  const often = of > 0 ? outOfBand / of : 0;
  const slowest = renewed.reduce((most, band) => (band.newDevice ? most : Math.max(most, Math.abs(band.baseline / ((band.wall && wall?.baseline) || baseline) - 1))), 0);
  return [
    ...(widest > NOISY ? [`noisy device: the canary's band is ± ${formatShare(widest)} wide, so a device that is busy by less than that is not noticed`] : []),
    ...(often > NOISY ? [`noisy device: the canary was out of its band in ${formatShare(often)} of its runs`] : []),
    ...(slowest > NOISY ? [`the device's speed changed by ${formatShare(slowest)} during the run`] : []),
  ];
}
