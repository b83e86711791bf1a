// Matrix product, one thread per element: the definition that the other variants are measured against.
//   y = activation(op(a) op(b) + bias) + residual, for each problem of a batch.
//
// a [m, k] or, transposed, [k, m]; b [k, n] or [n, k]; bias [n]; residual, y and preactivation [m, n]; any sizes.
// Every thread reads a row of op(a) and a column of op(b) from memory: 2 loads per multiply-add.
//
// Dispatch: workgroups of 8 x 8 threads, x = ceil(n / 8), y = ceil(m / 8), z = problems * splits.

// op(a) = transpose of a: a is stored [k, m]. Otherwise [m, k]. Likewise b: [n, k], otherwise [k, n].
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
// The parts of the epilogue. PREACTIVATION also stores op(a) op(b) + bias, for the backward pass of GELU.
const BIAS: bool = false;
const GELU: bool = false;
const PREACTIVATION: bool = false;
const RESIDUAL: bool = false;
// Backward through GELU: multiplies by its gradient, Phi + x phi (phi the normal density), at x = `residual`;
// PREACTIVATION then stores GELU of `residual`, for the gradient of the weight that takes it.
const GELU_GRADIENT: bool = false;
// Also stores the sums of op(a)'s rows, [m] floats behind y's m n ones (gradient of a bias).
const ROW_SUMS: bool = false;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  // Terms of the inner sum per split: split s sums over k in [s splitLength, (s + 1) splitLength).
  splitLength: u32,
  // Problems per split; output z = split * problems + problem. `first` is the z of this dispatch's first workgroup.
  problems: u32,
  first: u32,
  // Floats from one problem to the next (0: the same matrix for all).
  strideA: u32,
  strideB: u32,
  strideY: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> preactivation: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// Phi(x), the normal distribution function as in elementwise/gelu.wgsl; e = exp(-x^2 / 2).
fn normal(x: f32, e: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.35 * abs(x));
  let tail = t * (0.13977842 + t * (0.13676241 + t * (0.1439531 + t * (0.0066017848 + t * (0.21437776 + t * (-0.18670027 + t * 0.045226850))))))
    * e;
  return select(tail, 1.0 - tail, x >= 0.0);
}

// Exact GELU, x Phi(x).
fn gelu(x: f32) -> f32 {
  return x * normal(x, exp(-0.5 * x * x));
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y;
  let column = id.x;
  if (row >= params.m || column >= params.n) {
    return;
  }
  let z = params.first + id.z;
  let problem = z % params.problems;
  let start = z / params.problems * params.splitLength;
  let end = min(start + params.splitLength, params.k);

  let stepA = select(1u, params.m, TRANSPOSE_A);
  let stepB = select(params.n, 1u, TRANSPOSE_B);
  let rowA = problem * params.strideA + row * select(params.k, 1u, TRANSPOSE_A);
  let columnB = problem * params.strideB + column * select(1u, params.k, TRANSPOSE_B);
  var sum = 0.0;
  var rowSum = 0.0;
  for (var k = start; k < end; k += 1u) {
    let factor = a[rowA + k * stepA];
    sum += factor * b[columnB + k * stepB];
    rowSum += factor;
  }

  let at = z * params.strideY + row * params.n + column;
  if (BIAS) {
    sum += bias[column];
  }
  if (PREACTIVATION && !GELU_GRADIENT) {
    preactivation[at] = sum;
  }
  if (GELU) {
    sum = gelu(sum);
  }
  if (RESIDUAL) {
    sum += residual[at];
  }
  if (GELU_GRADIENT) {
    let before = residual[at];
    let e = exp(-0.5 * before * before);
    let share = normal(before, e);
    if (PREACTIVATION) {
      preactivation[at] = before * share;
    }
    sum *= share + 0.3989422804 * before * e;
  }
  y[at] = sum;
  if (ROW_SUMS && column == 0u) {
    y[z * params.strideY + params.m * params.n + row] = rowSum;
  }
}
