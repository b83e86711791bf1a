// Matrix product, 4 x 4 elements per thread: the register tile at its simplest, for any sizes.
//   y = activation(op(a) op(b) + bias) + residual, for each problem of a batch.
//
// a [m, k] or, transposed, [k, m]; b [k, n] or [n, k]; bias [n]; residual, y and preactivation [m, n]; any sizes.
// Per term of the inner sum a thread reads 4 + 4 values for 16 multiply-adds, against 2 for 1 in matmul_naive.wgsl.
// Rows and columns past an edge repeat the last one while summing and are left out when storing, so that the
// loop needs no test. matmul_register.wgsl is the same idea, larger and with vector loads.
//
// Dispatch: workgroups of 8 x 8 threads, x = ceil(n / 32), y = ceil(m / 32), z = problems * splits.

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

// (The names differ from the callers' because wgsl_reflect's interpreter lets the parameters of a function without a
// result overwrite the caller's variables of the same name.)
fn store(output: u32, line: u32, place: u32, sum: f32) {
  if (line >= params.m || place >= params.n) {
    return;
  }
  var value = sum;
  let at = output * params.strideY + line * params.n + place;
  if (BIAS) {
    value += bias[place];
  }
  if (PREACTIVATION && !GELU_GRADIENT) {
    preactivation[at] = value;
  }
  if (GELU) {
    value = gelu(value);
  }
  if (RESIDUAL) {
    value += residual[at];
  }
  if (GELU_GRADIENT) {
    let before = residual[at];
    let e = exp(-0.5 * before * before);
    let share = normal(before, e);
    if (PREACTIVATION) {
      preactivation[at] = before * share;
    }
    value *= share + 0.3989422804 * before * e;
  }
  y[at] = value;
}

fn store4(result: u32, top: u32, left: u32, sums: vec4<f32>) {
  store(result, top, left, sums.x);
  store(result, top, left + 1u, sums.y);
  store(result, top, left + 2u, sums.z);
  store(result, top, left + 3u, sums.w);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let z = params.first + id.z;
  let problem = z % params.problems;
  let start = z / params.problems * params.splitLength;
  let end = min(start + params.splitLength, params.k);

  let row = id.y * 4u;
  let column = id.x * 4u;
  let next = vec4<u32>(0u, 1u, 2u, 3u);
  let stepA = select(1u, params.m, TRANSPOSE_A);
  let stepB = select(params.n, 1u, TRANSPOSE_B);
  let rows = problem * params.strideA + min(row + next, vec4<u32>(params.m - 1u)) * select(params.k, 1u, TRANSPOSE_A);
  let columns = problem * params.strideB + min(column + next, vec4<u32>(params.n - 1u)) * select(1u, params.k, TRANSPOSE_B);

  var sums0 = vec4<f32>();
  var sums1 = vec4<f32>();
  var sums2 = vec4<f32>();
  var sums3 = vec4<f32>();
  var rowSums = vec4<f32>();
  for (var k = start; k < end; k += 1u) {
    let atA = rows + k * stepA;
    let atB = columns + k * stepB;
    let factors = vec4<f32>(a[atA.x], a[atA.y], a[atA.z], a[atA.w]);
    let terms = vec4<f32>(b[atB.x], b[atB.y], b[atB.z], b[atB.w]);
    sums0 += factors.x * terms;
    sums1 += factors.y * terms;
    sums2 += factors.z * terms;
    sums3 += factors.w * terms;
    if (ROW_SUMS) {
      rowSums += factors;
    }
  }

  store4(z, row, column, sums0);
  store4(z, row + 1u, column, sums1);
  store4(z, row + 2u, column, sums2);
  store4(z, row + 3u, column, sums3);
  if (ROW_SUMS && column == 0u) {
    let behind = z * params.strideY + params.m * params.n;
    if (row < params.m) { y[behind + row] = rowSums.x; }
    if (row + 1u < params.m) { y[behind + row + 1u] = rowSums.y; }
    if (row + 2u < params.m) { y[behind + row + 2u] = rowSums.z; }
    if (row + 3u < params.m) { y[behind + row + 3u] = rowSums.w; }
  }
}
