/** Numbers as people read them. */

/** "1.23 ms", three digits, from nanoseconds to seconds. */
export function formatSeconds(seconds: number): string {
  const [factor, unit] = seconds >= 1 ? [1, 's'] : seconds >= 1e-3 ? [1e3, 'ms'] : seconds >= 1e-6 ? [1e6, 'µs'] : [1e9, 'ns'];
  return `${threeDigits(seconds * (factor as number))} ${unit}`;
}

/** A rate such as "12.3 GFLOP/s". */
export function formatRate(perSecond: number, unit: string): string {
  const [factor, prefix] = perSecond >= 1e12 ? [1e12, 'T'] : perSecond >= 1e9 ? [1e9, 'G'] : [1e6, 'M'];
  return `${threeDigits(perSecond / (factor as number))} ${prefix}${unit}`;
}

/** Three digits without an exponent: 1234, 123, 12.3, 1.23, 0.123. */
export function threeDigits(value: number): string {
  if (value === 0) return '0';
  const digits = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}

/** "2.20 to 2.41", or that there were too few samples for an interval. */
export function intervalText({ low, high }: { readonly low: number; readonly high: number | null }): string {
  return high === null ? 'too few samples' : `${threeDigits(low)} to ${threeDigits(high)}`;
}

/** "61 %"; not cut at 100. */
export function formatShare(share: number): string {
  return `${threeDigits(100 * share)} %`;
}
