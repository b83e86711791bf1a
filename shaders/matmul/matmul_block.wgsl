// Matrix product for GPUs, tiles staged in workgroup memory and multiplied 8 x 8 to a thread, all accesses as vec4s:
//   y = activation(op(a) op(b) + bias) + residual, for each problem of a batch.
//
// a [m, k] or, transposed, [k, m]; b [k, n] or [n, k]; bias [n]; residual, y and preactivation [m, n]; all dense,
// all read as vec4s. So n must be a multiple of 4, m where a is transposed, k where a or b is contiguous along k.
//
// A workgroup computes ROWS x COLUMNS elements of y, 64 to a thread. Per step it stages ROWS x 16 of op(a) and
// 16 x COLUMNS of op(b), both k-major, so that a thread reads 4 vectors of workgroup memory for 64 multiply-adds: two of
// a, two of b, the same as some neighbours' (a broadcast) and next to the others' (no bank is hit twice). Its 8 rows are
// two groups of 4 that are half a tile apart, likewise its columns, for that reason. The values of the next step are
// loaded into registers before this step's are multiplied, so that memory is waited for while there is work to do; nothing
// touches them in between.
//
// A thread stages 4 x 4 values of a, and of b: 4 vectors, turned in registers where the matrix is contiguous along k.
// Threads are dealt to these blocks so that eight neighbours write neighbouring vectors, and a subgroup of 32 reads whole
// 64-byte pieces of rows. Past an edge the last rows and columns are repeated and not stored; past the end of the sum a
// is zero.
//
// Dispatch: x = ceil(n / COLUMNS), y = ceil(m / ROWS), z = problems * splits.

// The tile. 64 x 64, 128 x 64, 128 x 96 or 128 x 128; THREADS is ROWS * COLUMNS / 64. 128 x 64 keeps to the limits of every
// device: 128 threads, 12 KiB.
const ROWS: u32 = 128u;
const COLUMNS: u32 = 64u;
const THREADS: u32 = 128u;

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
// Each thread stages a or b, never both, and needs registers for one of them only.
const APART: bool = THREADS >= ROWS + COLUMNS;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  // Terms of the inner sum per split, a multiple of 4: split s sums over k in [s splitLength, (s + 1) splitLength).
  splitLength: u32,
  // Problems per split; output z = split * problems + problem. `first` is the z of this dispatch's first workgroup.
  problems: u32,
  first: u32,
  // Floats from one problem to the next (0: the same matrix for all).
  strideA: u32,
  strideB: u32,
  strideY: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> preactivation: array<vec4<f32>>;
@group(0) @binding(6) var<uniform> params: Params;

// [k][row / 4] and [k][column / 4].
var<workgroup> tileA: array<vec4<f32>, ROWS * STEP / 4u>;
var<workgroup> tileB: array<vec4<f32>, COLUMNS * STEP / 4u>;

// Four rows of op(a) from `row` on, at k .. k + 3: one column of the result per k.
fn load_a(base: u32, row: u32, k: u32) -> mat4x4<f32> {
  if (TRANSPOSE_A) {
    let m4 = params.m / 4u;
    let ks = min(vec4<u32>(k, k + 1u, k + 2u, k + 3u), vec4<u32>(params.k - 1u));
    let at = base + ks * m4 + min(row / 4u, m4 - 1u);
    return mat4x4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]);
  }
  let k4 = params.k / 4u;
  let at = base + min(vec4<u32>(row, row + 1u, row + 2u, row + 3u), vec4<u32>(params.m - 1u)) * k4 + min(k / 4u, k4 - 1u);
  return transpose(mat4x4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]));
}

// Four columns of op(b) from `column` on, at k .. k + 3: one column of the result per k.
fn load_b(base: u32, column: u32, k: u32) -> mat4x4<f32> {
  if (TRANSPOSE_B) {
    let k4 = params.k / 4u;
    let at = base + min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(params.n - 1u)) * k4 + min(k / 4u, k4 - 1u);
    return transpose(mat4x4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]));
  }
  let n4 = params.n / 4u;
  let ks = min(vec4<u32>(k, k + 1u, k + 2u, k + 3u), vec4<u32>(params.k - 1u));
  let at = base + ks * n4 + min(column / 4u, n4 - 1u);
  return mat4x4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
}

// Phi(x), the normal distribution function as in elementwise/gelu.wgsl; e = exp(-x^2 / 2).
fn normal(x: vec4<f32>, e: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.35 * abs(x));
  let tail = t * (0.13977842 + t * (0.13676241 + t * (0.1439531 + t * (0.0066017848 + t * (0.21437776 + t * (-0.18670027 + t * 0.045226850))))))
    * e;
  return select(tail, 1.0 - tail, x >= vec4<f32>());
}

// Exact GELU, x Phi(x).
fn gelu(x: vec4<f32>) -> vec4<f32> {
  return x * normal(x, exp(-0.5 * x * x));
}

// Stores four columns of one row. (The names differ from the callers' because wgsl_reflect's interpreter lets the
// parameters of a function without a result overwrite the caller's variables of the same name.)
fn store(output: u32, line: u32, place: u32, sum: vec4<f32>) {
  if (line < params.m && place < params.n) {
    var value = sum;
    let at = (output * params.strideY + line * params.n + place) / 4u;
    if (BIAS) {
      value += bias[place / 4u];
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
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) tile: vec3<u32>) {
  let z = params.first + tile.z;
  let problem = z % params.problems;
  let start = z / params.problems * params.splitLength;
  let end = min(start + params.splitLength, params.k);
  let baseA = problem * (params.strideA / 4u);
  let baseB = problem * (params.strideB / 4u);
  let row0 = tile.y * ROWS;
  let column0 = tile.x * COLUMNS;

  // What this thread stages. Contiguous along k: eight threads take eight groups of rows at the same four k, the next eight
  // the next four k. Otherwise: neighbours take neighbours along the rows.
  let stagesA = index < ROWS;
  let groupA = select(index % 8u + index / 32u * 8u, index % (ROWS / 4u), TRANSPOSE_A) % (ROWS / 4u);
  let stepA = select(index / 8u % 4u, index / (ROWS / 4u), TRANSPOSE_A) * 4u;
  // The last threads stage b. In a tile with fewer threads than rows and columns some stage both.
  let firstB = THREADS - COLUMNS;
  let stagesB = (index >= firstB);
  let other = select(0u, index - firstB, stagesB);
  let groupB = select(other % (COLUMNS / 4u), other % 8u + other / 32u * 8u, TRANSPOSE_B) % (COLUMNS / 4u);
  let stepB = select(other / (COLUMNS / 4u), other / 8u % 4u, TRANSPOSE_B) * 4u;

  // This thread's place in the grid of ROWS / 8 by COLUMNS / 8 threads. 32 neighbours are 8 down and 4 across, numbered so
  // that of two neighbours one reads the same of a, and of two pairs the same of b.
  let place = index % 32u;
  let warp = index / 32u;
  let across = warp % (COLUMNS / 32u) * 4u + place / 4u % 2u * 2u + place % 2u;
  let down = warp / (COLUMNS / 32u) * 8u + place / 8u * 2u + place / 2u % 2u;

  // leftI and rightI: row I of this thread, its first and its second four columns.
  var left0 = vec4<f32>(); var right0 = vec4<f32>();
  var left1 = vec4<f32>(); var right1 = vec4<f32>();
  var left2 = vec4<f32>(); var right2 = vec4<f32>();
  var left3 = vec4<f32>(); var right3 = vec4<f32>();
  var left4 = vec4<f32>(); var right4 = vec4<f32>();
  var left5 = vec4<f32>(); var right5 = vec4<f32>();
  var left6 = vec4<f32>(); var right6 = vec4<f32>();
  var left7 = vec4<f32>(); var right7 = vec4<f32>();
  var upperSums = vec4<f32>();
  var lowerSums = vec4<f32>();

  var nextA = mat4x4<f32>();
  var nextB = mat4x4<f32>();
  if (stagesA) {
    nextA = load_a(baseA, row0 + 4u * groupA, start + stepA);
  }
  if (stagesB) {
    let loaded = load_b(baseB, column0 + 4u * groupB, start + stepB);
    if (APART) {
      nextA = loaded;
    } else {
      nextB = loaded;
    }
  }
  for (var k0 = start; k0 < end; k0 += STEP) {
    if (stagesA) {
      // Past the end of the sum a is zero. Not where it is loaded: that would wait for the load.
      let k = k0 + stepA;
      let zero = vec4<f32>();
      tileA[stepA * (ROWS / 4u) + groupA] = select(zero, nextA[0], k < end);
      tileA[(stepA + 1u) * (ROWS / 4u) + groupA] = select(zero, nextA[1], k + 1u < end);
      tileA[(stepA + 2u) * (ROWS / 4u) + groupA] = select(zero, nextA[2], k + 2u < end);
      tileA[(stepA + 3u) * (ROWS / 4u) + groupA] = select(zero, nextA[3], k + 3u < end);
    }
    if (stagesB) {
      var values = nextB;
      if (APART) {
        values = nextA;
      }
      tileB[stepB * (COLUMNS / 4u) + groupB] = values[0];
      tileB[(stepB + 1u) * (COLUMNS / 4u) + groupB] = values[1];
      tileB[(stepB + 2u) * (COLUMNS / 4u) + groupB] = values[2];
      tileB[(stepB + 3u) * (COLUMNS / 4u) + groupB] = values[3];
    }
    workgroupBarrier();
    let next = k0 + STEP;
    if (next < end) {
      if (stagesA) {
        nextA = load_a(baseA, row0 + 4u * groupA, next + stepA);
      }
      if (stagesB) {
        let loaded = load_b(baseB, column0 + 4u * groupB, next + stepB);
        if (APART) {
          nextA = loaded;
        } else {
          nextB = loaded;
        }
      }
    }
    for (var k = 0u; k < STEP; k += 1u) {
      let upper = tileA[k * (ROWS / 4u) + down];
      let lower = tileA[k * (ROWS / 4u) + down + ROWS / 8u];
      let near = tileB[k * (COLUMNS / 4u) + across];
      let far = tileB[k * (COLUMNS / 4u) + across + COLUMNS / 8u];
      left0 += upper.x * near; right0 += upper.x * far;
      left1 += upper.y * near; right1 += upper.y * far;
      left2 += upper.z * near; right2 += upper.z * far;
      left3 += upper.w * near; right3 += upper.w * far;
      left4 += lower.x * near; right4 += lower.x * far;
      left5 += lower.y * near; right5 += lower.y * far;
      left6 += lower.z * near; right6 += lower.z * far;
      left7 += lower.w * near; right7 += lower.w * far;
      if (ROW_SUMS) {
        upperSums += upper;
        lowerSums += lower;
      }
    }
    workgroupBarrier();
  }

  let row = row0 + 4u * down;
  let below = row + ROWS / 2u;
  let column = column0 + 4u * across;
  let beside = column + COLUMNS / 2u;
  store(z, row, column, left0); store(z, row, beside, right0);
  store(z, row + 1u, column, left1); store(z, row + 1u, beside, right1);
  store(z, row + 2u, column, left2); store(z, row + 2u, beside, right2);
  store(z, row + 3u, column, left3); store(z, row + 3u, beside, right3);
  store(z, below, column, left4); store(z, below, beside, right4);
  store(z, below + 1u, column, left5); store(z, below + 1u, beside, right5);
  store(z, below + 2u, column, left6); store(z, below + 2u, beside, right6);
  store(z, below + 3u, column, left7); store(z, below + 3u, beside, right7);
  if (ROW_SUMS && tile.x == 0u && across == 0u) {
    let behind = (z * params.strideY + params.m * params.n + row) / 4u;
    if (row < params.m) {
      y[behind] = upperSums;
    }
    if (below < params.m) {
      y[behind + ROWS / 8u] = lowerSums;
    }
  }
}
