// Matrix product of f16 operands with subgroup matrices (tensor cores, where there are any):
//   y = activation(op(a) op(b) + bias) + residual, for each problem of a batch; every sum in f32.
//
// a [m, k] or, transposed, [k, m]; b [k, n] or [n, k]: f16. bias [n] f32; residual, y and preactivation [m, n], f32 or
// f16; all dense, all read four at a time. So n must be a multiple of 4, m where a is transposed, k where a or b is
// contiguous along k. Sums of op(a)'s rows are left to other variants.
//
// Needs Dawn's experimental feature `chromium-experimental-subgroup-matrix`: Node only, and only where it was asked for.
// A device lists the sizes that its hardware multiplies: M x K by K x N, f16 to f32.
//
// A workgroup of 128 threads computes 64 x 64 elements of y. Per step it stages 64 x 32 of op(a) and 32 x 64 of op(b) as
// they lie in memory (a transposed operand is told to the load of the subgroup matrix), rows 8 apart in banks. A subgroup
// multiplies a block of 2 M x 2 N; there are as many passes over the sum as it takes for all blocks, so that any subgroup
// size will do. Results go through workgroup memory, so that the epilogue knows its elements. Past an edge rows and columns
// are repeated and not stored; past the end of the sum both operands are zero.
//
// Dispatch: x = ceil(n / 64), y = ceil(m / 64), z = problems * splits. 26 KiB of workgroup memory.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

// The size of the device's subgroup matrices; each divides 32.
const M: u32 = 8u;
const N: u32 = 8u;
const K: u32 = 8u;
alias left = subgroup_matrix_left<f16, K, M>;
alias right = subgroup_matrix_right<f16, N, K>;
alias product = subgroup_matrix_result<f32, N, M>;

// Four f16 as words; two f32, as bits. `stored` says what residual, y and preactivation hold, HALF_Y says the same.
alias half4 = vec2<u32>;
alias float2 = vec2<u32>;
alias stored = float2;
const HALF_Y: bool = false;

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
// Always false: the contract of the other variants.
const ROW_SUMS: bool = false;

// Rows and columns of y per workgroup, terms of the inner sum per step.
const TILE: u32 = 64u;
const STEP: u32 = 32u;
// Elements from one row of a staged tile to the next, where rows run along k and where they run along the tile.
const ALONG_K: u32 = 40u;
const ALONG_TILE: u32 = 72u;
const STRIDE_A: u32 = select(ALONG_K, ALONG_TILE, TRANSPOSE_A);
const STRIDE_B: u32 = select(ALONG_TILE, ALONG_K, TRANSPOSE_B);

struct Params {
  m: u32,
  n: u32,
  k: u32,
  // Terms of the inner sum per split, a multiple of 4: split s sums over k in [s splitLength, (s + 1) splitLength).
  splitLength: u32,
  // Problems per split; output z = split * problems + problem. `first` is the z of this dispatch's first workgroup.
  problems: u32,
  first: u32,
  // Elements from one problem to the next (0: the same matrix for all).
  strideA: u32,
  strideB: u32,
  strideY: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<stored>;
@group(0) @binding(4) var<storage, read_write> y: array<stored>;
@group(0) @binding(5) var<storage, read_write> preactivation: array<stored>;
@group(0) @binding(6) var<uniform> params: Params;

// [row][k] or, transposed, [k][row]; [k][column] or [column][k]; [row][column].
var<workgroup> tileA: array<f16, 2560>;
var<workgroup> tileB: array<f16, 2560>;
var<workgroup> results: array<f32, 4096>;

// Four of op(a) from `row` and `k` on, along whichever is contiguous.
fn load_a(base: u32, row: u32, k: u32, end: u32) -> vec4<f16> {
  let inside = min(k, params.k - 1u);
  let at = select(min(row, params.m - 1u) * params.k + inside, inside * params.m + min(row, params.m - 4u), TRANSPOSE_A);
  return select(vec4<f16>(), a[(base + at) / 4u], k < end);
}

fn load_b(base: u32, k: u32, column: u32, end: u32) -> vec4<f16> {
  let inside = min(k, params.k - 1u);
  let at = select(inside * params.n + min(column, params.n - 4u), min(column, params.n - 1u) * params.k + inside, TRANSPOSE_B);
  return select(vec4<f16>(), b[(base + at) / 4u], k < end);
}

// The bits of the nearest f16 numbers, as in elementwise/to_half.wgsl: `pack2x16float` leaves overflow and rounding open.
fn half_bits(value: vec4<f32>) -> vec4<u32> {
  let bits = bitcast<vec4<u32>>(value);
  let magnitude = bits & vec4<u32>(0x7fffffffu);
  let odd = (magnitude >> vec4<u32>(13u)) & vec4<u32>(1u);
  let normal = (magnitude + odd - vec4<u32>(0x37fff001u)) >> vec4<u32>(13u);
  let small = bitcast<vec4<u32>>(abs(value) + vec4<f32>(0.5)) - vec4<u32>(0x3f000000u);
  let finite = select(normal, small, magnitude < vec4<u32>(0x38800000u));
  let special = select(vec4<u32>(0x7c00u), vec4<u32>(0x7e00u), magnitude > vec4<u32>(0x7f800000u));
  return select(finite, special, magnitude >= vec4<u32>(0x477ff000u)) | ((bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
}

fn pack_half(value: vec4<f32>) -> vec2<u32> {
  let bits = half_bits(value);
  return vec2<u32>(bits.x | (bits.y << 16u), bits.z | (bits.w << 16u));
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
    if (HALF_Y) {
      if (PREACTIVATION && !GELU_GRADIENT) {
        preactivation[at] = pack_half(value);
      }
      if (GELU) {
        value = gelu(value);
      }
      if (RESIDUAL) {
        let words = residual[at];
        value += vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
      }
      if (GELU_GRADIENT) {
        let words = residual[at];
        let before = vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
        let e = exp(-0.5 * before * before);
        let share = normal(before, e);
        if (PREACTIVATION) {
          preactivation[at] = pack_half(before * share);
        }
        value *= share + 0.3989422804 * before * e;
      }
      y[at] = pack_half(value);
    } else {
      if (PREACTIVATION && !GELU_GRADIENT) {
        preactivation[2u * at] = bitcast<vec2<u32>>(value.xy);
        preactivation[2u * at + 1u] = bitcast<vec2<u32>>(value.zw);
      }
      if (GELU) {
        value = gelu(value);
      }
      if (RESIDUAL) {
        value += vec4<f32>(bitcast<vec2<f32>>(residual[2u * at]), bitcast<vec2<f32>>(residual[2u * at + 1u]));
      }
      if (GELU_GRADIENT) {
        let before = vec4<f32>(bitcast<vec2<f32>>(residual[2u * at]), bitcast<vec2<f32>>(residual[2u * at + 1u]));
        let e = exp(-0.5 * before * before);
        let share = normal(before, e);
        if (PREACTIVATION) {
          let hidden = before * share;
          preactivation[2u * at] = bitcast<vec2<u32>>(hidden.xy);
          preactivation[2u * at + 1u] = bitcast<vec2<u32>>(hidden.zw);
        }
        value *= share + 0.3989422804 * before * e;
      }
      y[2u * at] = bitcast<vec2<u32>>(value.xy);
      y[2u * at + 1u] = bitcast<vec2<u32>>(value.zw);
    }
  }
}

@compute @workgroup_size(128)
fn main(
  @builtin(local_invocation_index) index: u32,
  @builtin(workgroup_id) tile: vec3<u32>,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) subgroups: u32,
) {
  let z = params.first + tile.z;
  let problem = z % params.problems;
  let start = z / params.problems * params.splitLength;
  let end = min(start + params.splitLength, params.k);
  let baseA = problem * params.strideA;
  let baseB = problem * params.strideB;
  let row0 = tile.y * TILE;
  let column0 = tile.x * TILE;

  const ACROSS = TILE / (2u * N);
  const BLOCKS = TILE / (2u * M) * ACROSS;
  for (var first = 0u; first < BLOCKS; first += subgroups) {
    // A subgroup without a block of its own does the last one's work once more, and does not store it.
    let share = min(first + subgroup, BLOCKS - 1u);
    let row = share / ACROSS * 2u * M;
    let column = share % ACROSS * 2u * N;
    var sums00 = product();
    var sums01 = product();
    var sums10 = product();
    var sums11 = product();
    for (var k0 = start; k0 < end; k0 += STEP) {
      // 512 groups of four per tile, four per thread; neighbours take neighbours in memory.
      for (var i = index; i < TILE * STEP / 4u; i += 128u) {
        let rowA = select(i / (STEP / 4u), i % (TILE / 4u) * 4u, TRANSPOSE_A);
        let kA = select(i % (STEP / 4u) * 4u, i / (TILE / 4u), TRANSPOSE_A);
        let four = load_a(baseA, row0 + rowA, k0 + kA, end);
        let to = select(rowA * STRIDE_A + kA, kA * STRIDE_A + rowA, TRANSPOSE_A);
        tileA[to] = four.x;
        tileA[to + 1u] = four.y;
        tileA[to + 2u] = four.z;
        tileA[to + 3u] = four.w;
      }
      for (var i = index; i < TILE * STEP / 4u; i += 128u) {
        let columnB = select(i % (TILE / 4u) * 4u, i / (STEP / 4u), TRANSPOSE_B);
        let kB = select(i / (TILE / 4u), i % (STEP / 4u) * 4u, TRANSPOSE_B);
        let four = load_b(baseB, k0 + kB, column0 + columnB, end);
        let to = select(kB * STRIDE_B + columnB, columnB * STRIDE_B + kB, TRANSPOSE_B);
        tileB[to] = four.x;
        tileB[to + 1u] = four.y;
        tileB[to + 2u] = four.z;
        tileB[to + 3u] = four.w;
      }
      workgroupBarrier();
      for (var k = 0u; k < STEP; k += K) {
        let atA = select(row * STRIDE_A + k, k * STRIDE_A + row, TRANSPOSE_A);
        let nextA = select(M * STRIDE_A, M, TRANSPOSE_A);
        let atB = select(k * STRIDE_B + column, column * STRIDE_B + k, TRANSPOSE_B);
        let nextB = select(N, N * STRIDE_B, TRANSPOSE_B);
        let upper = subgroupMatrixLoad<left>(&tileA, atA, TRANSPOSE_A, STRIDE_A);
        let lower = subgroupMatrixLoad<left>(&tileA, atA + nextA, TRANSPOSE_A, STRIDE_A);
        let near = subgroupMatrixLoad<right>(&tileB, atB, TRANSPOSE_B, STRIDE_B);
        let far = subgroupMatrixLoad<right>(&tileB, atB + nextB, TRANSPOSE_B, STRIDE_B);
        sums00 = subgroupMatrixMultiplyAccumulate(upper, near, sums00);
        sums01 = subgroupMatrixMultiplyAccumulate(upper, far, sums01);
        sums10 = subgroupMatrixMultiplyAccumulate(lower, near, sums10);
        sums11 = subgroupMatrixMultiplyAccumulate(lower, far, sums11);
      }
      workgroupBarrier();
    }
    if (first + subgroup < BLOCKS) {
      let at = row * TILE + column;
      subgroupMatrixStore(&results, at, sums00, false, TILE);
      subgroupMatrixStore(&results, at + N, sums01, false, TILE);
      subgroupMatrixStore(&results, at + M * TILE, sums10, false, TILE);
      subgroupMatrixStore(&results, at + M * TILE + N, sums11, false, TILE);
    }
  }
  workgroupBarrier();
  for (var i = index; i < TILE * TILE / 4u; i += 128u) {
    let line = i / (TILE / 4u);
    let place = i % (TILE / 4u) * 4u;
    let origin = line * TILE + place;
    store(z, row0 + line, column0 + place, vec4<f32>(results[origin], results[origin + 1u], results[origin + 2u], results[origin + 3u]));
  }
}
