/** Order statistics, intervals and fits. Everything is deterministic: the bootstrap draws from a fixed seed. */

/** Median and quartiles of samples. */
export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly q1: number;
  readonly q3: number;
}

/** The q-quantile (0 to 1) of at least one number, linear between neighbours (type 7 of Hyndman and Fan 1996). */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** The middle of at least one number, in their unit. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param values at least one */
export function summarize(values: readonly number[]): Summary {
  return { n: values.length, median: median(values), q1: quantile(values, 0.25), q3: quantile(values, 0.75) };
}

/**
 * Half-width of the median's interval relative to the median, 1.57 IQR / √n (McGill, Tukey and Larsen 1978: notches
 * that do not overlap differ with about 95 % confidence).
 */
export function relativeNotch({ n, median: middle, q1, q3 }: Summary): number {
  return middle > 0 ? (1.57 * (q3 - q1)) / Math.sqrt(n) / middle : Infinity;
}

/** Numbers in [0, 1) by a 32-bit mixing function (Mulberry32 by Tommy Ettinger). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A ratio of medians with its interval of at least 95 %; `low` is 0 and `high` null where there are too few samples for one. */
export interface Ratio {
  readonly ratio: number;
  readonly low: number;
  readonly high: number | null;
}

/** True when the whole interval is below a value; never without an interval. */
export function isBelow({ high }: Pick<Ratio, 'high'>, value: number): boolean {
  return high !== null && high < value;
}

const RESAMPLES = 2000;
/** Samples from which the bootstrap is used: the range of five holds their median with 94 % only, so no resampling can tell 95 %. */
const BOOTSTRAP_SAMPLES = 6;
/** Probability beyond each end of an interval. */
const TAIL = 0.025;

/**
 * How many of all orders of n + m values have the Mann-Whitney statistic U = 0, 1, 2 ... n m (Mann and Whitney 1947: the
 * largest value is one of the n, which then exceeds all m, or one of the m).
 */
function mannWhitneyCounts(n: number, m: number): number[] {
  const known = new Map<number, number[]>();
  const counts = (left: number, right: number): number[] => {
    if (left === 0 || right === 0) return [1];
    const key = left * (m + 1) + right;
    const found = known.get(key);
    if (found) return found;
    const [first, second] = [counts(left - 1, right), counts(left, right - 1)];
    const sum = Array.from({ length: left * right + 1 }, (_, u) => (first[u - right] ?? 0) + (second[u] ?? 0));
    known.set(key, sum);
    return sum;
  };
  return counts(n, m);
}

/**
 * Moses' interval for a ratio of scale (Lehmann 1975, "Nonparametrics", 2.5): of all ratios above_i / below_j in order, the
 * c-th from either end, where U < c has a probability of 2.5 % at most. Exact for any distribution, so that it holds for
 * few samples; four of each side, or three and five, are the fewest that have one.
 */
function exactInterval(above: readonly number[], below: readonly number[]): Pick<Ratio, 'low' | 'high'> {
  const counts = mannWhitneyCounts(above.length, below.length);
  const all = counts.reduce((sum, count) => sum + count, 0);
  let [rank, sum] = [0, 0];
  while ((sum += counts[rank]) <= TAIL * all) rank += 1;
  if (rank === 0) return { low: 0, high: null };
  const ratios = above.flatMap((a) => below.map((b) => a / b)).sort((a, b) => a - b);
  return { low: ratios[rank - 1], high: ratios[ratios.length - rank] };
}

/**
 * median(above) / median(below). The interval is the percentile bootstrap (Efron 1979) from 2000 resamples of each side,
 * and Moses' exact one where either side has fewer than six samples.
 */
export function ratioOfMedians(above: readonly number[], below: readonly number[]): Ratio {
  const ratio = median(above) / median(below);
  if (Math.min(above.length, below.length) < BOOTSTRAP_SAMPLES) return { ratio, ...exactInterval(above, below) };
  const random = generator(20261123);
  const resampled = (values: readonly number[]): number => median(values.map(() => values[Math.floor(random() * values.length)]));
  const ratios = Array.from({ length: RESAMPLES }, () => resampled(above) / resampled(below));
  return { ratio, low: quantile(ratios, TAIL), high: quantile(ratios, 1 - TAIL) };
}

/** y = factor · x^exponent, fitted. */
export interface PowerLaw {
  readonly exponent: number;
  readonly factor: number;
  /** Standard error of the exponent; null with two points, which any power law meets. */
  readonly standardError: number | null;
}

/**
 * Least squares of log y over log x.
 * @param points at least two with different x, all positive; fewer give null
 */
export function fitPowerLaw(points: readonly (readonly [x: number, y: number])[]): PowerLaw | null {
  const logs = points.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const n = logs.length;
  const mean = (axis: 0 | 1): number => logs.reduce((sum, point) => sum + point[axis], 0) / n;
  const [meanX, meanY] = [mean(0), mean(1)];
  const spread = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (n < 2 || spread === 0) return null;
  const exponent = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const offset = meanY - exponent * meanX;
  const misses = logs.reduce((sum, [x, y]) => sum + (y - offset - exponent * x) ** 2, 0);
  return { exponent, factor: Math.exp(offset), standardError: n > 2 ? Math.sqrt(misses / (n - 2) / spread) : null };
}
