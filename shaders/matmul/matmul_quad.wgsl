// Matrix product with a register tile whose b operand is shared by the four lanes of a quad:
//   y = activation(op(a) op(b) + bias) + residual, for each problem of a batch.
//
// Same contract as matmul_register.wgsl (layouts, parameters, flags, tile), one difference: there every lane
// loads all of b's values, although four neighbours need the same ones. Here lane q of a quad loads one
// vector in four and broadcasts it, so that b costs a quarter of the loads. On SwiftShader a load is four
// scalar loads with their bounds checks, and this is its fastest variant. Needs the feature `subgroups`;
// a quad is four neighbouring lanes whatever the subgroup's size is. With 16 rows to a lane instead of 8 each of b's values
// is loaded and broadcast for twice as many multiply-adds; that compiles twice as long, and suits large results.
//
// Dispatch: workgroups of 4 lanes, so that a result of 32 rows keeps all of them busy; x = ceil(m / 32) or ceil(m / 64),
// y = ceil(n / 32) or ceil(n / 16), z = problems * splits.
enable subgroups;

// op(a) = transpose of a: a is stored [k, m]. Otherwise [m, k]. Likewise b: [n, k], otherwise [k, n].
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
// True when k is no multiple of 4 (allowed only where neither operand is contiguous along k).
const TAIL: bool = false;
// Columns of a tile: 32 (true) or 16 (false).
const WIDE: bool = true;
// Rows of a tile: 64 (true) or 32 (false).
const TALL: bool = false;
// Rows of a lane.
const HEIGHT: u32 = select(8u, 16u, TALL);
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

// Where op(a)'s rows row .. row + 3 begin, in vec4s; rows past the end repeat the last one and are not stored.
fn row_bases(problem: u32, row: u32) -> vec4<u32> {
  let base = vec4<u32>(problem * params.strideA / 4u);
  if (TRANSPOSE_A) {
    return base + min(row / 4u, params.m / 4u - 1u);
  }
  return base + min(vec4<u32>(row, row + 1u, row + 2u, row + 3u), vec4<u32>(params.m - 1u)) * (params.k / 4u);
}

// Four rows of op(a) at k .. k + 3: one column of the result per row.
fn load_a(bases: vec4<u32>, k: u32) -> mat4x4<f32> {
  if (!TRANSPOSE_A) {
    let k4 = k / 4u;
    return mat4x4<f32>(a[bases.x + k4], a[bases.y + k4], a[bases.z + k4], a[bases.w + k4]);
  }
  let m4 = params.m / 4u;
  let at = bases.x + k * m4;
  if (!TAIL) {
    return transpose(mat4x4<f32>(a[at], a[at + m4], a[at + 2u * m4], a[at + 3u * m4]));
  }
  let zero = vec4<f32>();
  let left = params.k - 1u - k;
  return transpose(mat4x4<f32>(
    a[at],
    select(zero, a[at + min(1u, left) * m4], left >= 1u),
    select(zero, a[at + min(2u, left) * m4], left >= 2u),
    select(zero, a[at + min(3u, left) * m4], left >= 3u),
  ));
}

// Where this lane's share of op(b)'s columns begins, in vec4s: group counts groups of four columns.
fn column_base(problem: u32, group: u32, lane: u32) -> u32 {
  let inside = min(group, params.n / 4u - 1u);
  let base = problem * params.strideB / 4u;
  if (TRANSPOSE_B) {
    return base + (4u * inside + lane) * (params.k / 4u);
  }
  return base + inside;
}

// Four columns of op(b) at k .. k + 3: one column of the result per k. Lane q loads vector q for its quad.
fn load_b(base: u32, k: u32, lane: u32) -> mat4x4<f32> {
  if (TRANSPOSE_B) {
    let own = b[base + k / 4u];
    return transpose(mat4x4<f32>(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u)));
  }
  let row = select(k + lane, min(k + lane, params.k - 1u), TAIL);
  let own = b[base + row * (params.n / 4u)];
  return mat4x4<f32>(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
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

// What a block's sums start from: the bias of its four columns, for each row.
fn first_sums(group: u32) -> mat4x4<f32> {
  if (!BIAS) {
    return mat4x4<f32>();
  }
  let start = bias[min(group, params.n / 4u - 1u)];
  return mat4x4<f32>(start, start, start, start);
}

// Stores four columns of one row. (The names differ from the callers' because wgsl_reflect's interpreter lets the
// parameters of a function without a result overwrite the caller's variables of the same name.)
fn store(output: u32, line: u32, columnGroup: u32, sum: vec4<f32>) {
  let n4 = params.n / 4u;
  if ((line < params.m) & (columnGroup < n4)) {
    var value = sum;
    let at = output * (params.strideY / 4u) + line * n4 + columnGroup;
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

// sums + (columns of op(b)) (rows of op(a)), 4 x 4 x 4 multiply-adds.
fn multiply_add(columns: mat4x4<f32>, rows: mat4x4<f32>, sums: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    sums[0] + columns * rows[0],
    sums[1] + columns * rows[1],
    sums[2] + columns * rows[2],
    sums[3] + columns * rows[3],
  );
}

@compute @workgroup_size(4)
fn main(
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) invocation: u32,
  @builtin(workgroup_id) tile: vec3<u32>,
) {
  let lane = invocation % 4u;
  let z = params.first + tile.z;
  let problem = z % params.problems;
  let start = z / params.problems * params.splitLength;
  let end = min(start + params.splitLength, params.k);

  let row = (tile.x * 4u + index) * HEIGHT;
  let group = tile.y * select(4u, 8u, WIDE);
  let rows0 = row_bases(problem, row);
  let rows1 = row_bases(problem, row + 4u);
  let rows2 = row_bases(problem, row + 8u);
  let rows3 = row_bases(problem, row + 12u);
  let columns0 = column_base(problem, group, lane);
  let columns1 = column_base(problem, group + 1u, lane);
  let columns2 = column_base(problem, group + 2u, lane);
  let columns3 = column_base(problem, group + 3u, lane);
  let columns4 = column_base(problem, group + 4u, lane);
  let columns5 = column_base(problem, group + 5u, lane);
  let columns6 = column_base(problem, group + 6u, lane);
  let columns7 = column_base(problem, group + 7u, lane);

  // upperJ holds rows row .. row + 3 (one per matrix column) and four columns of y; lowerJ, thirdJ, fourthJ the next rows.
  var upper0 = first_sums(group); var lower0 = upper0; var third0 = mat4x4<f32>(); var fourth0 = third0;
  var upper1 = first_sums(group + 1u); var lower1 = upper1; var third1 = mat4x4<f32>(); var fourth1 = third1;
  var upper2 = first_sums(group + 2u); var lower2 = upper2; var third2 = mat4x4<f32>(); var fourth2 = third2;
  var upper3 = first_sums(group + 3u); var lower3 = upper3; var third3 = mat4x4<f32>(); var fourth3 = third3;
  var upper4 = first_sums(group + 4u); var lower4 = upper4; var third4 = mat4x4<f32>(); var fourth4 = third4;
  var upper5 = first_sums(group + 5u); var lower5 = upper5; var third5 = mat4x4<f32>(); var fourth5 = third5;
  var upper6 = first_sums(group + 6u); var lower6 = upper6; var third6 = mat4x4<f32>(); var fourth6 = third6;
  var upper7 = first_sums(group + 7u); var lower7 = upper7; var third7 = mat4x4<f32>(); var fourth7 = third7;
  if (TALL) {
    third0 = upper0; fourth0 = upper0;
    third1 = upper1; fourth1 = upper1;
    third2 = upper2; fourth2 = upper2;
    third3 = upper3; fourth3 = upper3;
    third4 = upper4; fourth4 = upper4;
    third5 = upper5; fourth5 = upper5;
    third6 = upper6; fourth6 = upper6;
    third7 = upper7; fourth7 = upper7;
  }
  var sums0 = vec4<f32>();
  var sums1 = vec4<f32>();
  var sums2 = vec4<f32>();
  var sums3 = vec4<f32>();

  for (var k = start; k < end; k += 4u) {
    let a0 = load_a(rows0, k);
    let a1 = load_a(rows1, k);
    var a2 = mat4x4<f32>();
    var a3 = mat4x4<f32>();
    if (TALL) {
      a2 = load_a(rows2, k);
      a3 = load_a(rows3, k);
    }
    let b0 = load_b(columns0, k, lane); upper0 = multiply_add(b0, a0, upper0); lower0 = multiply_add(b0, a1, lower0);
    if (TALL) { third0 = multiply_add(b0, a2, third0); fourth0 = multiply_add(b0, a3, fourth0); }
    let b1 = load_b(columns1, k, lane); upper1 = multiply_add(b1, a0, upper1); lower1 = multiply_add(b1, a1, lower1);
    if (TALL) { third1 = multiply_add(b1, a2, third1); fourth1 = multiply_add(b1, a3, fourth1); }
    let b2 = load_b(columns2, k, lane); upper2 = multiply_add(b2, a0, upper2); lower2 = multiply_add(b2, a1, lower2);
    if (TALL) { third2 = multiply_add(b2, a2, third2); fourth2 = multiply_add(b2, a3, fourth2); }
    let b3 = load_b(columns3, k, lane); upper3 = multiply_add(b3, a0, upper3); lower3 = multiply_add(b3, a1, lower3);
    if (TALL) { third3 = multiply_add(b3, a2, third3); fourth3 = multiply_add(b3, a3, fourth3); }
    if (WIDE) {
      let b4 = load_b(columns4, k, lane); upper4 = multiply_add(b4, a0, upper4); lower4 = multiply_add(b4, a1, lower4);
      if (TALL) { third4 = multiply_add(b4, a2, third4); fourth4 = multiply_add(b4, a3, fourth4); }
      let b5 = load_b(columns5, k, lane); upper5 = multiply_add(b5, a0, upper5); lower5 = multiply_add(b5, a1, lower5);
      if (TALL) { third5 = multiply_add(b5, a2, third5); fourth5 = multiply_add(b5, a3, fourth5); }
      let b6 = load_b(columns6, k, lane); upper6 = multiply_add(b6, a0, upper6); lower6 = multiply_add(b6, a1, lower6);
      if (TALL) { third6 = multiply_add(b6, a2, third6); fourth6 = multiply_add(b6, a3, fourth6); }
      let b7 = load_b(columns7, k, lane); upper7 = multiply_add(b7, a0, upper7); lower7 = multiply_add(b7, a1, lower7);
      if (TALL) { third7 = multiply_add(b7, a2, third7); fourth7 = multiply_add(b7, a3, fourth7); }
    }
    if (ROW_SUMS) {
      sums0 += transpose(a0) * vec4<f32>(1.0);
      sums1 += transpose(a1) * vec4<f32>(1.0);
      if (TALL) {
        sums2 += transpose(a2) * vec4<f32>(1.0);
        sums3 += transpose(a3) * vec4<f32>(1.0);
      }
    }
  }

  // Indexed in the order of the rows, so that the code of the epilogue exists once: unrolled it would be most of the
  // program, and compile several times as long. Here alone: SwiftShader reads an indexed array element by element.
  for (var half = 0u; half < HEIGHT; half += 8u) {
    let blocks = array<mat4x4<f32>, 16>(
      upper0, lower0, upper1, lower1, upper2, lower2, upper3, lower3,
      upper4, lower4, upper5, lower5, upper6, lower6, upper7, lower7,
    );
    for (var i = 0u; i < select(32u, 64u, WIDE); i += 1u) {
      store(z, row + half + i % 8u, group + i / 8u, blocks[i / 4u][i % 4u]);
    }
    if (TALL) {
      upper0 = third0; lower0 = fourth0;
      upper1 = third1; lower1 = fourth1;
      upper2 = third2; lower2 = fourth2;
      upper3 = third3; lower3 = fourth3;
      upper4 = third4; lower4 = fourth4;
      upper5 = third5; lower5 = fourth5;
      upper6 = third6; lower6 = fourth6;
      upper7 = third7; lower7 = fourth7;
    }
  }
  if (ROW_SUMS && group == 0u) {
    let behind = z * (params.strideY / 4u) + params.m * params.n / 4u + row / 4u;
    if (row < params.m) {
      y[behind] = sums0;
    }
    if (row + 4u < params.m) {
      y[behind + 1u] = sums1;
    }
    if (TALL && row + 8u < params.m) {
      y[behind + 2u] = sums2;
    }
    if (TALL && row + 12u < params.m) {
      y[behind + 3u] = sums3;
    }
  }
}
