// Matrix product with tiles staged in workgroup memory, for GPUs and for sizes that are no multiples of 4:
//   y = activation(op(a) op(b) + bias) + residual, for each problem of a batch.
//
// a [m, k] or, transposed, [k, m]; b [k, n] or [n, k]; bias [n]; residual, y and preactivation [m, n]; any sizes.
//
// A workgroup of 128 threads computes 64 x 64 elements of y. Per step it stages 64 x 16 of op(a) and 16 x 64 of
// op(b) (8 KiB together), each element loaded once and along the contiguous axis of its matrix, so that loads
// coalesce; then each thread multiplies 4 rows by 8 columns in registers: 12 reads of workgroup memory per 32
// multiply-adds. Both tiles lie k-major, so the 16 threads of a row read the same a's (a broadcast) and
// neighbouring b's. A thread's columns are two groups of 4, 32 apart: with 8 adjacent columns per thread every
// second read would hit the same memory banks. Elements past an edge are staged as zeros.
//
// Dispatch: x = ceil(n / 64), y = ceil(m / 64), z = problems * splits.

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

// Terms of the inner sum per step.
const STEP: u32 = 16u;

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

// [k][row / 4] and [k][column / 4]: STEP * 64 floats each.
var<workgroup> tileA: array<vec4<f32>, 256>;
var<workgroup> tileB: array<vec4<f32>, 256>;

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

fn element_a(base: u32, row: u32, k: u32, end: u32) -> f32 {
  if (row >= params.m || k >= end) {
    return 0.0;
  }
  return a[base + select(row * params.k + k, k * params.m + row, TRANSPOSE_A)];
}

fn element_b(base: u32, k: u32, column: u32, end: u32) -> f32 {
  if (column >= params.n || k >= end) {
    return 0.0;
  }
  return b[base + select(k * params.n + column, column * params.k + k, TRANSPOSE_B)];
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

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) tile: vec3<u32>) {
  let z = params.first + tile.z;
  let problem = z % params.problems;
  let start = z / params.problems * params.splitLength;
  let end = min(start + params.splitLength, params.k);
  let baseA = problem * params.strideA;
  let baseB = problem * params.strideB;

  let row0 = tile.y * 64u;
  let column0 = tile.x * 64u;
  // This thread's place in the 16 x 8 grid of threads: 4 rows at 4 * down, columns at 4 * across and 32 further on.
  let across = index % 8u;
  let down = index / 8u;

  // leftI and rightI: row I of this thread, its first and its second four columns.
  var left0 = vec4<f32>(); var right0 = vec4<f32>();
  var left1 = vec4<f32>(); var right1 = vec4<f32>();
  var left2 = vec4<f32>(); var right2 = vec4<f32>();
  var left3 = vec4<f32>(); var right3 = vec4<f32>();
  var rowSums = vec4<f32>();

  for (var k0 = start; k0 < end; k0 += STEP) {
    // 256 vec4s per tile, two per thread. Each is four rows (columns) at one k; the order in which threads take
    // them follows the matrix's contiguous axis.
    for (var i = index; i < 256u; i += 128u) {
      let kA = select(i % STEP, i / 16u, TRANSPOSE_A);
      let rowA = select(i / STEP, i % 16u, TRANSPOSE_A);
      let row = row0 + 4u * rowA;
      let k = k0 + kA;
      tileA[kA * 16u + rowA] = vec4<f32>(
        element_a(baseA, row, k, end),
        element_a(baseA, row + 1u, k, end),
        element_a(baseA, row + 2u, k, end),
        element_a(baseA, row + 3u, k, end),
      );
    }
    for (var i = index; i < 256u; i += 128u) {
      let kB = select(i / 16u, i % STEP, TRANSPOSE_B);
      let columnB = select(i % 16u, i / STEP, TRANSPOSE_B);
      let column = column0 + 4u * columnB;
      let k = k0 + kB;
      tileB[kB * 16u + columnB] = vec4<f32>(
        element_b(baseB, k, column, end),
        element_b(baseB, k, column + 1u, end),
        element_b(baseB, k, column + 2u, end),
        element_b(baseB, k, column + 3u, end),
      );
    }
    workgroupBarrier();
    for (var k = 0u; k < STEP; k += 1u) {
      let factors = tileA[k * 16u + down];
      let nearB = tileB[k * 16u + across];
      let farB = tileB[k * 16u + across + 8u];
      left0 += factors.x * nearB; right0 += factors.x * farB;
      left1 += factors.y * nearB; right1 += factors.y * farB;
      left2 += factors.z * nearB; right2 += factors.z * farB;
      left3 += factors.w * nearB; right3 += factors.w * farB;
      if (ROW_SUMS) {
        rowSums += factors;
      }
    }
    workgroupBarrier();
  }

  let row = row0 + 4u * down;
  let column = column0 + 4u * across;
  store4(z, row, column, left0); store4(z, row, column + 32u, right0);
  store4(z, row + 1u, column, left1); store4(z, row + 1u, column + 32u, right1);
  store4(z, row + 2u, column, left2); store4(z, row + 2u, column + 32u, right2);
  store4(z, row + 3u, column, left3); store4(z, row + 3u, column + 32u, right3);
  if (ROW_SUMS && tile.x == 0u && across == 0u) {
    let behind = z * params.strideY + params.m * params.n + row;
    for (var i = 0u; i < 4u; i += 1u) {
      if (row + i < params.m) {
        y[behind + i] = rowSums[i];
      }
    }
  }
}
