/**
 * Gradients of entropic optimal transport in float64, for one problem: unrolled (every iteration walked backwards) and
 * implicit (the optimality conditions differentiated, valid at convergence only).
 */

export interface TransportProblem {
  readonly n: number;
  readonly m: number;
  readonly epsilon: number;
  readonly iterations: number;
  readonly rho?: number;
}

export interface TransportGradients {
  readonly plan: Float64Array;
  readonly dcost: Float64Array;
  readonly da: Float64Array;
  readonly db: Float64Array;
}

/** log Σ exp over x(0), ..., x(count − 1); −∞ when there is nothing finite. */
function logSumExp(count: number, x: (index: number) => number): number {
  let highest = -Infinity;
  for (let index = 0; index < count; index++) highest = Math.max(highest, x(index));
  if (highest === -Infinity) return -Infinity;
  let sum = 0;
  for (let index = 0; index < count; index++) sum += Math.exp(x(index) - highest);
  return highest + Math.log(sum);
}

/** u = λ(log mass − LSE); −∞ for a line that sends nothing. */
function update(mass: number, lse: number, lambda: number): number {
  return mass > 0 && lse !== -Infinity ? lambda * (Math.log(mass) - lse) : -Infinity;
}

/** exp(difference) where −∞ on either side means no weight. */
function weight(potential: number, logKernel: number, lse: number): number {
  return potential === -Infinity || logKernel === -Infinity || lse === -Infinity ? 0 : Math.exp(potential + logKernel - lse);
}

/**
 * The plan after exactly `iterations` iterations from f = g = 0, and the gradient of Σ dplan · plan through all of them.
 * A cost of +∞ forbids its entry.
 */
export function unrolledGradients(problem: TransportProblem, cost: Float64Array, a: Float64Array, b: Float64Array, dplan: Float64Array): TransportGradients {
  const { n, m, epsilon, iterations, rho } = problem;
  const lambda = rho === undefined ? 1 : rho / (rho + epsilon);
  const k = cost.map((value) => -value / epsilon);
  const us: Float64Array[] = [new Float64Array(n)];
  const vs: Float64Array[] = [new Float64Array(m)];
  const rowLse: Float64Array[] = [new Float64Array(n)];
  const columnLse: Float64Array[] = [new Float64Array(m)];
  for (let t = 1; t <= iterations; t++) {
    const v = vs[t - 1];
    const ru = Float64Array.from({ length: n }, (_, i) => logSumExp(m, (j) => v[j] + k[i * m + j]));
    const u = ru.map((lse, i) => update(a[i], lse, lambda));
    const rv = Float64Array.from({ length: m }, (_, j) => logSumExp(n, (i) => u[i] + k[i * m + j]));
    us.push(u);
    vs.push(rv.map((lse, j) => update(b[j], lse, lambda)));
    rowLse.push(ru);
    columnLse.push(rv);
  }
  const plan = new Float64Array(n * m);
  const dk = new Float64Array(n * m);
  let du = new Float64Array(n);
  let dv = new Float64Array(m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const index = i * m + j;
      const total = us[iterations][i] + vs[iterations][j] + k[index];
      plan[index] = Number.isNaN(total) ? 0 : Math.exp(total);
      dk[index] = plan[index] * dplan[index];
      du[i] += dk[index];
      dv[j] += dk[index];
    }
  }
  const dloga = new Float64Array(n);
  const dlogb = new Float64Array(m);
  for (let t = iterations; t >= 1; t--) {
    for (let j = 0; j < m; j++) {
      const flow = vs[t][j] === -Infinity ? 0 : lambda * dv[j];
      dlogb[j] += flow;
      if (flow === 0) continue;
      for (let i = 0; i < n; i++) {
        const entry = -flow * weight(us[t][i], k[i * m + j], columnLse[t][j]);
        du[i] += entry;
        dk[i * m + j] += entry;
      }
    }
    dv = new Float64Array(m);
    for (let i = 0; i < n; i++) {
      const flow = us[t][i] === -Infinity ? 0 : lambda * du[i];
      dloga[i] += flow;
      if (flow === 0) continue;
      for (let j = 0; j < m; j++) {
        const entry = -flow * weight(vs[t - 1][j], k[i * m + j], rowLse[t][i]);
        dv[j] += entry;
        dk[i * m + j] += entry;
      }
    }
    du = new Float64Array(n);
  }
  return {
    plan,
    dcost: dk.map((value) => -value / epsilon),
    da: dloga.map((value, i) => (a[i] > 0 ? value / a[i] : 0)),
    db: dlogb.map((value, j) => (b[j] > 0 ? value / b[j] : 0)),
  };
}

/** Solves A x = y by elimination with partial pivoting; A and y are overwritten. */
function solve<Numbers extends Float64Array | Float32Array>(matrix: Numbers[], y: Numbers): Numbers {
  const size = y.length;
  for (let pivot = 0; pivot < size; pivot++) {
    let best = pivot;
    for (let row = pivot + 1; row < size; row++) if (Math.abs(matrix[row][pivot]) > Math.abs(matrix[best][pivot])) best = row;
    [matrix[pivot], matrix[best]] = [matrix[best], matrix[pivot]];
    [y[pivot], y[best]] = [y[best], y[pivot]];
    for (let row = pivot + 1; row < size; row++) {
      const factor = matrix[row][pivot] / matrix[pivot][pivot];
      if (factor === 0) continue;
      for (let column = pivot; column < size; column++) matrix[row][column] -= factor * matrix[pivot][column];
      y[row] -= factor * y[pivot];
    }
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let column = row + 1; column < size; column++) y[row] -= matrix[row][column] * y[column];
    y[row] /= matrix[row][row];
  }
  return y;
}

/**
 * The same gradient from the plan alone, for hard marginals and a converged plan (all masses positive).
 * With G = dplan and Ĝ = −P ∘ G / ε, solve [[diag r, P], [Pᵀ, diag c]] (α; β) = (Ĝ 1; Ĝᵀ 1), where the last column is
 * dropped (β_m = 0: the potentials are free up to a constant); ∂C = Ĝ − P ∘ (α ⊕ β) up to the sign convention below,
 * ∂a = −ε α, ∂b = −ε β (Luise et al. 2018, arXiv 1805.11897; reference/kernels.md). The gradients of a and b are
 * defined up to a constant each, because the problem has a solution for equal total masses only.
 * @param Numbers what the system is stored and solved in: Float32Array rounds after every operation
 */
export function implicitGradients(
  problem: TransportProblem,
  plan: Float64Array,
  dplan: Float64Array,
  Numbers: Float64ArrayConstructor | Float32ArrayConstructor = Float64Array,
): Omit<TransportGradients, 'plan'> {
  const { n, m, epsilon } = problem;
  const scaled = plan.map((value, index) => (-value * dplan[index]) / epsilon);
  const size = n + m - 1;
  const matrix = Array.from({ length: size }, () => new Numbers(size));
  const right = new Numbers(size);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const entry = plan[i * m + j];
      matrix[i][i] += entry;
      right[i] += scaled[i * m + j];
      if (j === m - 1) continue;
      matrix[i][n + j] = entry;
      matrix[n + j][i] = entry;
      matrix[n + j][n + j] += entry;
      right[n + j] += scaled[i * m + j];
    }
  }
  const solution = solve(matrix, right);
  const alpha = Float64Array.from(solution.subarray(0, n));
  const beta = Float64Array.from({ length: m }, (_, j) => (j < m - 1 ? solution[n + j] : 0));
  return {
    dcost: scaled.map((value, index) => value - plan[index] * (alpha[Math.floor(index / m)] + beta[index % m])),
    da: alpha.map((value) => -epsilon * value),
    db: beta.map((value) => -epsilon * value),
  };
}
