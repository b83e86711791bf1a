/** Entropic optimal transport in float64, in unscaled potentials f and g, one problem after another. */

export interface SinkhornCase {
  batch: number;
  n: number;
  m: number;
  epsilon: number;
  iterations: number;
  rho?: number;
  /** [n, m] or [batch, n, m], flat. */
  prior?: ArrayLike<number>;
}

/** ε log Σ exp(values / ε); −∞ when there is no finite value. */
function softMaximum(values: number[], epsilon: number): number {
  const maximum = Math.max(...values);
  if (maximum === -Infinity) return -Infinity;
  return maximum + epsilon * Math.log(values.reduce((sum, value) => sum + Math.exp((value - maximum) / epsilon), 0));
}

/** The potential of a mass whose alternatives have this soft maximum; −∞ for none. */
function potential(mass: number, best: number, epsilon: number, lambda: number): number {
  return mass > 0 && best !== -Infinity ? lambda * (epsilon * Math.log(mass) - best) : -Infinity;
}

/** @returns the plans [batch, n, m], flat, after exactly `iterations` iterations from f = g = 0 */
export function sinkhornReference(options: SinkhornCase, cost: Float64Array, a: Float64Array, b: Float64Array): Float64Array {
  const { batch, n, m, epsilon, iterations, rho, prior } = options;
  const lambda = rho === undefined ? 1 : rho / (rho + epsilon);
  const plan = new Float64Array(batch * n * m);
  for (let problem = 0; problem < batch; problem++) {
    const start = problem * n * m;
    const c: number[][] = [];
    for (let i = 0; i < n; i++) {
      c.push([]);
      for (let j = 0; j < m; j++) {
        const weight = prior ? prior[(start + i * m + j) % prior.length] : 1;
        c[i].push(weight > 0 ? cost[start + i * m + j] - epsilon * Math.log(weight) : Infinity);
      }
    }
    let f = new Array<number>(n).fill(0);
    let g = new Array<number>(m).fill(0);
    for (let iteration = 0; iteration < iterations; iteration++) {
      f = f.map((_, i) => potential(a[problem * n + i], softMaximum(g.map((gj, j) => gj - c[i][j]), epsilon), epsilon, lambda));
      g = g.map((_, j) => potential(b[problem * m + j], softMaximum(f.map((fi, i) => fi - c[i][j]), epsilon), epsilon, lambda));
    }
    for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) plan[start + i * m + j] = Math.exp((f[i] + g[j] - c[i][j]) / epsilon);
  }
  return plan;
}

/** Row sums of plans [batch, n, m]. */
export function rowSums(plan: ArrayLike<number>, batch: number, n: number, m: number): Float64Array {
  const sums = new Float64Array(batch * n);
  for (let index = 0; index < batch * n * m; index++) sums[Math.floor(index / m)] += plan[index];
  return sums;
}

/** Column sums of plans [batch, n, m]. */
export function columnSums(plan: ArrayLike<number>, batch: number, n: number, m: number): Float64Array {
  const sums = new Float64Array(batch * m);
  for (let index = 0; index < batch * n * m; index++) sums[Math.floor(index / (n * m)) * m + (index % m)] += plan[index];
  return sums;
}
