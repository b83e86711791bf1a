// Matrix product of f16 operands, 4 x 4 elements per thread, for any sizes: f16 storage at its simplest.
//   y = activation(op(a) op(b) + bias) + residual, for each problem of a batch; every sum in f32.
//
// a [m, k] or, transposed, [k, m]; b [k, n] or [n, k]: f16, two to a word, which needs no optional feature. bias [n] f32;
// residual, y and preactivation [m, n], f32 or f16; any sizes, but an even n where they are f16, so that no two
// threads share a word. As matmul_tile.wgsl otherwise, of which it is a copy with other loads and stores.
//
// Dispatch: workgroups of 8 x 8 threads, x = ceil(n / 32), y = ceil(m / 32), z = problems * splits.

// Two f16; one f32, as bits. `stored` says what residual, y and preactivation hold, HALF_Y says the same.
alias half2 = u32;
alias float1 = u32;
alias stored = float1;
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
// Also stores the sums of op(a)'s rows, [m] f32 behind y's m n ones (gradient of a bias); y is f32 then.
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
  // Elements from one problem to the next (0: the same matrix for all).
  strideA: u32,
  strideB: u32,
  strideY: u32,
}

@group(0) @binding(0) var<storage, read> a: array<half2>;
@group(0) @binding(1) var<storage, read> b: array<half2>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<stored>;
@group(0) @binding(4) var<storage, read_write> y: array<stored>;
@group(0) @binding(5) var<storage, read_write> preactivation: array<stored>;
@group(0) @binding(6) var<uniform> params: Params;

fn element_a(at: u32) -> f32 {
  let pair = unpack2x16float(a[at / 2u]);
  return select(pair.x, pair.y, (at & 1u) == 1u);
}

fn element_b(at: u32) -> f32 {
  let pair = unpack2x16float(b[at / 2u]);
  return select(pair.x, pair.y, (at & 1u) == 1u);
}

// The bits of the nearest f16 number, as in elementwise/to_half.wgsl: `pack2x16float` leaves overflow and rounding open.
fn half_bits(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  let odd = (magnitude >> 13u) & 1u;
  let normal = (magnitude + odd - 0x37fff001u) >> 13u;
  let small = bitcast<u32>(abs(value) + 0.5) - 0x3f000000u;
  let finite = select(normal, small, magnitude < 0x38800000u);
  let special = select(0x7c00u, 0x7e00u, magnitude > 0x7f800000u);
  return select(finite, special, magnitude >= 0x477ff000u) | ((bits >> 16u) & 0x8000u);
}

fn pack_half(value: vec2<f32>) -> u32 {
  return half_bits(value.x) | (half_bits(value.y) << 16u);
}

// Phi(x), the normal distribution function as in elementwise/gelu.wgsl; e = exp(-x^2 / 2).
fn normal(x: vec2<f32>, e: vec2<f32>) -> vec2<f32> {
  let t = 1.0 / (1.0 + 0.35 * abs(x));
  let tail = t * (0.13977842 + t * (0.13676241 + t * (0.1439531 + t * (0.0066017848 + t * (0.21437776 + t * (-0.18670027 + t * 0.045226850))))))
    * e;
  return select(tail, 1.0 - tail, x >= vec2<f32>());
}

// Exact GELU, x Phi(x).
fn gelu(x: vec2<f32>) -> vec2<f32> {
  return x * normal(x, exp(-0.5 * x * x));
}

// Two neighbours in a row. (The names differ from the callers' because wgsl_reflect's interpreter lets the parameters of a
// function without a result overwrite the caller's variables of the same name.)
fn store2(output: u32, line: u32, place: u32, sums: vec2<f32>) {
  if (line >= params.m || place >= params.n) {
    return;
  }
  var value = sums;
  let at = output * params.strideY + line * params.n + place;
  let whole = place + 1u < params.n;
  if (BIAS) {
    value += vec2<f32>(bias[place], bias[min(place + 1u, params.n - 1u)]);
  }
  if (HALF_Y) {
    if (PREACTIVATION && !GELU_GRADIENT) {
      preactivation[at / 2u] = pack_half(value);
    }
    if (GELU) {
      value = gelu(value);
    }
    if (RESIDUAL) {
      value += unpack2x16float(residual[at / 2u]);
    }
    if (GELU_GRADIENT) {
      let before = unpack2x16float(residual[at / 2u]);
      let e = exp(-0.5 * before * before);
      let share = normal(before, e);
      if (PREACTIVATION) {
        preactivation[at / 2u] = pack_half(before * share);
      }
      value *= share + 0.3989422804 * before * e;
    }
    y[at / 2u] = pack_half(value);
    return;
  }
  if (PREACTIVATION && !GELU_GRADIENT) {
    preactivation[at] = bitcast<u32>(value.x);
    if (whole) { preactivation[at + 1u] = bitcast<u32>(value.y); }
  }
  if (GELU) {
    value = gelu(value);
  }
  if (RESIDUAL) {
    value += vec2<f32>(bitcast<f32>(residual[at]), bitcast<f32>(residual[at + select(0u, 1u, whole)]));
  }
  if (GELU_GRADIENT) {
    let before = vec2<f32>(bitcast<f32>(residual[at]), bitcast<f32>(residual[at + select(0u, 1u, whole)]));
    let e = exp(-0.5 * before * before);
    let share = normal(before, e);
    if (PREACTIVATION) {
      let hidden = before * share;
      preactivation[at] = bitcast<u32>(hidden.x);
      if (whole) { preactivation[at + 1u] = bitcast<u32>(hidden.y); }
    }
    value *= share + 0.3989422804 * before * e;
  }
  y[at] = bitcast<u32>(value.x);
  if (whole) { y[at + 1u] = bitcast<u32>(value.y); }
}

fn store4(result: u32, top: u32, left: u32, four: vec4<f32>) {
  store2(result, top, left, four.xy);
  store2(result, top, left + 2u, four.zw);
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
    let factors = vec4<f32>(element_a(atA.x), element_a(atA.y), element_a(atA.z), element_a(atA.w));
    let terms = vec4<f32>(element_b(atB.x), element_b(atB.y), element_b(atB.z), element_b(atB.w));
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
    if (row < params.m) { y[behind + row] = bitcast<u32>(rowSums.x); }
    if (row + 1u < params.m) { y[behind + row + 1u] = bitcast<u32>(rowSums.y); }
    if (row + 2u < params.m) { y[behind + row + 2u] = bitcast<u32>(rowSums.z); }
    if (row + 3u < params.m) { y[behind + row + 3u] = bitcast<u32>(rowSums.w); }
  }
}
