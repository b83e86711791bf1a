/** Limited-memory BFGS for smooth convex functions (Nocedal and Wright, Numerical Optimization, algorithm 7.4). */

/** Writes the gradient at `point` into `gradient` and returns the value there. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number;

/** When {@link minimise} stops, and what it knows of the curvature beforehand. */
export interface LbfgsOptions {
  /** Replaces a vector by an approximate inverse Hessian times that vector; the identity where left out. */
  readonly precondition?: (vector: Float64Array) => void;
  /** Done when no entry of the gradient is larger. */
  readonly tolerance: number;
  readonly maxIterations: number;
}

const MEMORY = 8;
/** Sufficient decrease, Nocedal and Wright's c₁. */
const ARMIJO = 1e-4;

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function addScaled(target: Float64Array, scale: number, vector: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] += scale * vector[i];
}

function largest(vector: Float64Array): number {
  let max = 0;
  for (let i = 0; i < vector.length; i++) max = Math.max(max, Math.abs(vector[i]));
  return max;
}

interface Correction {
  s: Float64Array;
  y: Float64Array;
  /** 1 / sᵀy. */
  rho: number;
}

/** The two-loop recursion: replaces the gradient in `direction` by minus the quasi-Newton step. */
function applyInverseHessian(
  direction: Float64Array,
  corrections: readonly Correction[],
  precondition: LbfgsOptions['precondition'],
): void {
  const alphas = new Array<number>(corrections.length);
  for (let k = corrections.length - 1; k >= 0; k--) {
    alphas[k] = corrections[k].rho * dot(corrections[k].s, direction);
    addScaled(direction, -alphas[k], corrections[k].y);
  }
  precondition?.(direction);
  const last = corrections.at(-1);
  if (last) {
    // Scales the initial inverse Hessian to the curvature seen last: γ = sᵀy / yᵀP⁻¹y.
    const scaled = last.y.slice();
    precondition?.(scaled);
    const gamma = 1 / (last.rho * dot(last.y, scaled));
    for (let i = 0; i < direction.length; i++) direction[i] *= gamma;
  }
  for (let k = 0; k < corrections.length; k++) {
    addScaled(direction, alphas[k] - corrections[k].rho * dot(corrections[k].y, direction), corrections[k].s);
  }
}

/**
 * Minimises `objective`, starting at `point` and leaving the best point found in it.
 * @returns the number of iterations and whether the tolerance was reached
 */
export function minimise(
  objective: Objective,
  point: Float64Array,
  { precondition, tolerance, maxIterations }: LbfgsOptions,
): { iterations: number; converged: boolean } {
  const corrections: Correction[] = [];
  let gradient = new Float64Array(point.length);
  let nextGradient = new Float64Array(point.length);
  const candidate = new Float64Array(point.length);
  let value = objective(point, gradient);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    if (largest(gradient) <= tolerance) return { iterations: iteration, converged: true };
    const direction = gradient.slice();
    applyInverseHessian(direction, corrections, precondition);
    const slope = -dot(direction, gradient);
    let step = 1;
    let nextValue: number;
    for (;;) {
      candidate.set(point);
      addScaled(candidate, -step, direction);
      nextValue = objective(candidate, nextGradient);
      if (nextValue <= value + ARMIJO * step * slope) break;
      step /= 2;
      // The value no longer changes in double precision: this is as good as it gets.
      if (step < 1e-10) return { iterations: iteration, converged: false };
    }
    const s = new Float64Array(point.length);
    const y = new Float64Array(point.length);
    for (let i = 0; i < s.length; i++) {
      s[i] = candidate[i] - point[i];
      y[i] = nextGradient[i] - gradient[i];
    }
    const curvature = dot(s, y);
    if (curvature > 1e-12 * dot(y, y)) {
      if (corrections.length === MEMORY) corrections.shift();
      corrections.push({ s, y, rho: 1 / curvature });
    }
    point.set(candidate);
    value = nextValue;
    [gradient, nextGradient] = [nextGradient, gradient];
  }
  return { iterations: maxIterations, converged: largest(gradient) <= tolerance };
}
