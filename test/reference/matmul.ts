/** Matrix products and linear layers in float64, by their definitions. */

/** `batch` products op(a) op(b): op(a) is [m, k], op(b) [k, n]; b may be one matrix for the whole batch. */
export interface MatmulCase {
  m: number;
  n: number;
  k: number;
  batch?: number;
  sharedB?: boolean;
  transposeA?: boolean;
  transposeB?: boolean;
}

/** y [batch, m, n], flat. */
export function matmulReference(a: ArrayLike<number>, b: ArrayLike<number>, sizes: MatmulCase): Float64Array {
  const { m, n, k, batch = 1, sharedB = false, transposeA = false, transposeB = false } = sizes;
  const y = new Float64Array(batch * m * n);
  for (let problem = 0; problem < batch; problem++) {
    const startA = problem * m * k;
    const startB = sharedB ? 0 : problem * k * n;
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let i = 0; i < k; i++) {
          const left = a[startA + (transposeA ? i * m + row : row * k + i)];
          const right = b[startB + (transposeB ? column * k + i : i * n + column)];
          sum += left * right;
        }
        y[(problem * m + row) * n + column] = sum;
      }
    }
  }
  return y;
}

/** Error function by its Maclaurin series, and by the continued fraction of its complement from |x| = 3 on. */
export function erf(x: number): number {
  const z = Math.abs(x);
  let result: number;
  if (z < 3) {
    let term = z;
    result = z;
    for (let n = 1; n < 100; n++) {
      term *= (-z * z) / n;
      result += term / (2 * n + 1);
    }
    result *= 2 / Math.sqrt(Math.PI);
  } else {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
    result = 1 - Math.exp(-z * z) / ((z + fraction) * Math.sqrt(Math.PI));
  }
  return x < 0 ? -result : result;
}

/** Exact GELU. */
export function geluReference(x: number): number {
  return (x * (1 + erf(x / Math.SQRT2))) / 2;
}

export interface LinearCase {
  tokens: number;
  inputs: number;
  outputs: number;
  gelu?: boolean;
}

/** y [tokens, outputs] = activation(x Wᵀ + bias) + residual; bias and residual may be null. */
export function linearReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | null,
  residual: ArrayLike<number> | null,
  { tokens, inputs, outputs, gelu = false }: LinearCase,
): Float64Array {
  const y = new Float64Array(tokens * outputs);
  for (let token = 0; token < tokens; token++) {
    for (let output = 0; output < outputs; output++) {
      let sum = bias ? bias[output] : 0;
      for (let input = 0; input < inputs; input++) sum += x[token * inputs + input] * weight[output * inputs + input];
      const at = token * outputs + output;
      y[at] = (gelu ? geluReference(sum) : sum) + (residual ? residual[at] : 0);
    }
  }
  return y;
}

export interface MlpCase {
  tokens: number;
  inputs: number;
  hidden: number;
  outputs: number;
}

/** gelu(x Uᵀ + u) Dᵀ + d + residual. */
export function mlpReference(
  { x, up, upBias, down, downBias, residual }: Readonly<Record<'x' | 'up' | 'upBias' | 'down' | 'downBias' | 'residual', ArrayLike<number>>>,
  { tokens, inputs, hidden, outputs }: MlpCase,
): Float64Array {
  const middle = linearReference(x, up, upBias, null, { tokens, inputs, outputs: hidden, gelu: true });
  return linearReference(middle, down, downBias, residual, { tokens, inputs: hidden, outputs });
}
