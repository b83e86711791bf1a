/** Numbers as people read them. */

/** 4213 → "4,213". */
export function formatCount(value: number): string {
  return value.toLocaleString('en');
}

/** Seconds as "42 s", "3 min 05 s" or "1 h 12 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** A rate with about three digits: "0.42", "7.3", "128". */
export function formatRate(value: number): string {
  return value >= 100 ? formatCount(Math.round(value)) : value >= 1 ? value.toFixed(1) : value.toFixed(2);
}

/** A measure with about three digits; very small ones in powers of ten; a true minus sign. */
export function formatMeasure(value: number): string {
  const size = Math.abs(value);
  const text = size !== 0 && size < 1e-3 ? value.toExponential(1) : size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(3);
  return text.replace(/-/g, '\u2212');
}

/** A share of one as a percentage with one digit, without the sign: 0.4831 → "48.3". */
export function formatPercent(value: number): string {
  return (100 * value).toFixed(1);
}
