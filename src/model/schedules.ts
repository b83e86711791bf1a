/** What changes from step to step: learning rate and target decay. */

/**
 * Linear warm-up, then a cosine to zero.
 * @param step 0-based step
 * @param steps number of all steps
 * @param warmup fraction of the steps that warm up
 */
export function learningRateAt(step: number, steps: number, peak: number, warmup: number): number {
  const warm = Math.max(1, Math.round(steps * warmup));
  if (step < warm) return (peak * (step + 1)) / warm;
  const progress = (step - warm) / Math.max(1, steps - warm);
  return (peak * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;
}

/** BYOL's decay of the target network: 1 - (1 - first) (cos(pi step / steps) + 1) / 2 (Grill et al. 2020). */
export function targetDecayAt(step: number, steps: number, first: number): number {
  return 1 - ((1 - first) * (Math.cos((Math.PI * step) / steps) + 1)) / 2;
}
