// Exact gradient of sinkhorn_thread.wgsl, one thread per problem as there. With p = du, q = dv, and A, alpha, beta, s, S
// of its scaled form (sums with t are those of iteration t, from beta of iteration t - 1 on):
//
//   p_i = sum_j dplan_ij plan_ij,  q_j = sum_i dplan_ij plan_ij        (from the plan)
//   v step:  g_j = -lambda q_j / S_j,   p_i += alpha_i (A g)_i          (p starts from 0 in all but the last iteration)
//   u step:  f_i = -lambda p_i / s_i,   q_j = beta_j (A^T f)_j,  beta of iteration t - 1
//   dlog a_i += lambda p_i,  dlog b_j += lambda q_j;   da = dlog a / a,  db = dlog b / b
//   dcost_ij = -(1 / eps) A_ij (dplan_ij alpha_i beta_j + sum_t (alpha_i g_j + f_i beta_j))
//
// That is sinkhorn_backward.wgsl with W = alpha A / S and W = beta A / s. S comes from the record, s is summed up again from
// A and beta as the forward pass did: weights add up to 1 but for the last bits. Every 16th step the remainder of
// sum q is taken out as there. Problems solved in the log domain (by the sign of their first number) are walked back in the
// log domain; their record has every second v, and what lies between is iterated again.
//
//   record as in sinkhorn_thread.wgsl   a, da [B, N]   b, db [B, M]   dplan, dcost [B, N, M]
//
// Dispatch: as sinkhorn_thread.wgsl.

const N: u32 = 12u;
const M: u32 = 12u;
const PROBLEMS: u32 = 32u;
const RELAXED: bool = false;

const ROW_BLOCKS: u32 = (N + 3u) / 4u;
const COLUMN_BLOCKS: u32 = (M + 3u) / 4u;
const DEAD: f32 = -1e30;
const BALANCE_EVERY: u32 = 16u;

struct Params {
  problems: u32,
  iterations: u32,
  inverse_epsilon: f32,
  lambda: f32,
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> record: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> dplan: array<f32>;
@group(0) @binding(4) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(5) var<storage, read_write> da: array<f32>;
@group(0) @binding(6) var<storage, read_write> db: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

// Indexed by variables, so not in registers: A, at first and at last other matrices; alpha and beta, or p and q.
var<private> entries: array<f32, N * M>;
var<private> row_values: array<f32, N>;
var<private> column_values: array<f32, M>;
// Blocks as in sinkhorn_thread.wgsl, of A and of dK / A: what the plan hands to it goes in first, because the sum shrinks to
// the little that is left in the end, and so do its rounding errors.
var<private> blocks: array<mat4x4<f32>, 16>;
var<private> changes: array<mat4x4<f32>, 16>;
var<private> problem: u32;
var<private> record_at: u32;

fn kept(row: u32) -> f32 {
  return record[record_at + row * PROBLEMS];
}

fn grid(x: f32) -> f32 {
  return round(x * 1024.0) * 0.0009765625;
}

fn block_of(i: u32, j: u32) -> mat4x4<f32> {
  return mat4x4<f32>(four_entries(i, j), four_entries(i, j + 1u), four_entries(i, j + 2u), four_entries(i, j + 3u));
}

fn four_entries(i: u32, j: u32) -> vec4<f32> {
  var x = vec4<f32>();
  if (j < M) {
    if (i < N) { x.x = entries[i * M + j]; }
    if (i + 1u < N) { x.y = entries[i * M + M + j]; }
    if (i + 2u < N) { x.z = entries[i * M + 2u * M + j]; }
    if (i + 3u < N) { x.w = entries[i * M + 3u * M + j]; }
  }
  return x;
}

fn load_blocks() {
  blocks[0] = block_of(0u, 0u);
  if (COLUMN_BLOCKS > 1u) { blocks[1] = block_of(0u, 4u); }
  if (COLUMN_BLOCKS > 2u) { blocks[2] = block_of(0u, 8u); }
  if (COLUMN_BLOCKS > 3u) { blocks[3] = block_of(0u, 12u); }
  if (ROW_BLOCKS > 1u) { blocks[4] = block_of(4u, 0u); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { blocks[5] = block_of(4u, 4u); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { blocks[6] = block_of(4u, 8u); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { blocks[7] = block_of(4u, 12u); }
  if (ROW_BLOCKS > 2u) { blocks[8] = block_of(8u, 0u); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { blocks[9] = block_of(8u, 4u); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { blocks[10] = block_of(8u, 8u); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { blocks[11] = block_of(8u, 12u); }
  if (ROW_BLOCKS > 3u) { blocks[12] = block_of(12u, 0u); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { blocks[13] = block_of(12u, 4u); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { blocks[14] = block_of(12u, 8u); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { blocks[15] = block_of(12u, 12u); }
}

fn load_changes() {
  changes[0] = block_of(0u, 0u);
  if (COLUMN_BLOCKS > 1u) { changes[1] = block_of(0u, 4u); }
  if (COLUMN_BLOCKS > 2u) { changes[2] = block_of(0u, 8u); }
  if (COLUMN_BLOCKS > 3u) { changes[3] = block_of(0u, 12u); }
  if (ROW_BLOCKS > 1u) { changes[4] = block_of(4u, 0u); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { changes[5] = block_of(4u, 4u); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { changes[6] = block_of(4u, 8u); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { changes[7] = block_of(4u, 12u); }
  if (ROW_BLOCKS > 2u) { changes[8] = block_of(8u, 0u); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { changes[9] = block_of(8u, 4u); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { changes[10] = block_of(8u, 8u); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { changes[11] = block_of(8u, 12u); }
  if (ROW_BLOCKS > 3u) { changes[12] = block_of(12u, 0u); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { changes[13] = block_of(12u, 4u); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { changes[14] = block_of(12u, 8u); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { changes[15] = block_of(12u, 12u); }
}

fn row_block(b0: mat4x4<f32>, b1: mat4x4<f32>, b2: mat4x4<f32>, b3: mat4x4<f32>, x: mat4x4<f32>) -> vec4<f32> {
  var y = b0 * x[0];
  if (COLUMN_BLOCKS > 1u) { y += b1 * x[1]; }
  if (COLUMN_BLOCKS > 2u) { y += b2 * x[2]; }
  if (COLUMN_BLOCKS > 3u) { y += b3 * x[3]; }
  return y;
}

// A x
fn row_sums(x: mat4x4<f32>) -> mat4x4<f32> {
  var y = mat4x4<f32>();
  y[0] = row_block(blocks[0], blocks[1], blocks[2], blocks[3], x);
  if (ROW_BLOCKS > 1u) { y[1] = row_block(blocks[4], blocks[5], blocks[6], blocks[7], x); }
  if (ROW_BLOCKS > 2u) { y[2] = row_block(blocks[8], blocks[9], blocks[10], blocks[11], x); }
  if (ROW_BLOCKS > 3u) { y[3] = row_block(blocks[12], blocks[13], blocks[14], blocks[15], x); }
  return y;
}

fn column_block(b0: mat4x4<f32>, b1: mat4x4<f32>, b2: mat4x4<f32>, b3: mat4x4<f32>, x: mat4x4<f32>) -> vec4<f32> {
  var y = x[0] * b0;
  if (ROW_BLOCKS > 1u) { y += x[1] * b1; }
  if (ROW_BLOCKS > 2u) { y += x[2] * b2; }
  if (ROW_BLOCKS > 3u) { y += x[3] * b3; }
  return y;
}

// A^T x
fn column_sums(x: mat4x4<f32>) -> mat4x4<f32> {
  var y = mat4x4<f32>();
  y[0] = column_block(blocks[0], blocks[4], blocks[8], blocks[12], x);
  if (COLUMN_BLOCKS > 1u) { y[1] = column_block(blocks[1], blocks[5], blocks[9], blocks[13], x); }
  if (COLUMN_BLOCKS > 2u) { y[2] = column_block(blocks[2], blocks[6], blocks[10], blocks[14], x); }
  if (COLUMN_BLOCKS > 3u) { y[3] = column_block(blocks[3], blocks[7], blocks[11], blocks[15], x); }
  return y;
}

fn row_masses(i: u32) -> vec4<f32> {
  let rows = vec4<u32>(i, i + 1u, i + 2u, i + 3u);
  let at = vec4<u32>(problem * N) + min(rows, vec4<u32>(N - 1u));
  return select(vec4<f32>(), max(vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]), vec4<f32>()), rows < vec4<u32>(N));
}

fn column_masses(j: u32) -> vec4<f32> {
  let columns = vec4<u32>(j, j + 1u, j + 2u, j + 3u);
  let at = vec4<u32>(problem * M) + min(columns, vec4<u32>(M - 1u));
  return select(vec4<f32>(), max(vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]), vec4<f32>()), columns < vec4<u32>(M));
}

// What the mass is divided by: the sum, or with relaxed marginals what comes to the same as their power.
fn divisor(mass: vec4<f32>, sum: vec4<f32>, offset: vec4<f32>) -> vec4<f32> {
  // Nothing becomes infinite before the range is looked at.
  let clipped = max(sum, vec4<f32>(1e-36));
  if (!RELAXED) {
    return clipped;
  }
  let alive = mass > vec4<f32>();
  let hard = log(select(vec4<f32>(1.0), mass, alive)) - log(clipped) - offset;
  return clipped * exp(params.relaxation * select(vec4<f32>(), hard, alive));
}

// What came to be 0 belongs to an empty row.
fn filled(sum: vec4<f32>) -> vec4<f32> {
  return select(sum, vec4<f32>(1.0), sum == vec4<f32>());
}

fn divisors(mass: mat4x4<f32>, sums: mat4x4<f32>, offset: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    divisor(mass[0], sums[0], offset[0]),
    divisor(mass[1], sums[1], offset[1]),
    divisor(mass[2], sums[2], offset[2]),
    divisor(mass[3], sums[3], offset[3]),
  );
}

fn divide(x: mat4x4<f32>, y: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(x[0] / y[0], x[1] / y[1], x[2] / y[2], x[3] / y[3]);
}

fn set_rows(i: u32, x: vec4<f32>) {
  if (i < N) { row_values[i] = x.x; }
  if (i + 1u < N) { row_values[i + 1u] = x.y; }
  if (i + 2u < N) { row_values[i + 2u] = x.z; }
  if (i + 3u < N) { row_values[i + 3u] = x.w; }
}

fn set_columns(j: u32, x: vec4<f32>) {
  if (j < M) { column_values[j] = x.x; }
  if (j + 1u < M) { column_values[j + 1u] = x.y; }
  if (j + 2u < M) { column_values[j + 2u] = x.z; }
  if (j + 3u < M) { column_values[j + 3u] = x.w; }
}

// Four of the row values from i on, or of the column values; 0 past the end.
fn four_rows(i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  if (i < N) { x.x = row_values[i]; }
  if (i + 1u < N) { x.y = row_values[i + 1u]; }
  if (i + 2u < N) { x.z = row_values[i + 2u]; }
  if (i + 3u < N) { x.w = row_values[i + 3u]; }
  return x;
}

fn four_columns(j: u32) -> vec4<f32> {
  var x = vec4<f32>();
  if (j < M) { x.x = column_values[j]; }
  if (j + 1u < M) { x.y = column_values[j + 1u]; }
  if (j + 2u < M) { x.z = column_values[j + 2u]; }
  if (j + 3u < M) { x.w = column_values[j + 3u]; }
  return x;
}

fn total(x: vec4<f32>) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}

// Up to four numbers of the record that end at row `end`; 1 past it.
fn kept_four(row: u32, end: u32) -> vec4<f32> {
  var x = vec4<f32>(1.0);
  if (row < end) { x.x = kept(row); }
  if (row + 1u < end) { x.y = kept(row + 1u); }
  if (row + 2u < end) { x.z = kept(row + 2u); }
  if (row + 3u < end) { x.w = kept(row + 3u); }
  return x;
}

// `count` numbers of the record as a vector of 16.
fn kept_vector(row: u32, count: u32) -> mat4x4<f32> {
  let end = row + count;
  var x = mat4x4<f32>();
  x[0] = kept_four(row, end);
  if (count > 4u) { x[1] = kept_four(row + 4u, end); }
  if (count > 8u) { x[2] = kept_four(row + 8u, end); }
  if (count > 12u) { x[3] = kept_four(row + 12u, end); }
  return x;
}

fn times(x: mat4x4<f32>, y: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(x[0] * y[0], x[1] * y[1], x[2] * y[2], x[3] * y[3]);
}

fn changed(part: mat4x4<f32>, alpha: vec4<f32>, g: vec4<f32>, f: vec4<f32>, beta: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    part[0] + (alpha * g.x + f * beta.x),
    part[1] + (alpha * g.y + f * beta.y),
    part[2] + (alpha * g.z + f * beta.z),
    part[3] + (alpha * g.w + f * beta.w),
  );
}

fn add_changes(alpha: mat4x4<f32>, g: mat4x4<f32>, f: mat4x4<f32>, beta: mat4x4<f32>) {
  changes[0] = changed(changes[0], alpha[0], g[0], f[0], beta[0]);
  if (COLUMN_BLOCKS > 1u) { changes[1] = changed(changes[1], alpha[0], g[1], f[0], beta[1]); }
  if (COLUMN_BLOCKS > 2u) { changes[2] = changed(changes[2], alpha[0], g[2], f[0], beta[2]); }
  if (COLUMN_BLOCKS > 3u) { changes[3] = changed(changes[3], alpha[0], g[3], f[0], beta[3]); }
  if (ROW_BLOCKS > 1u) { changes[4] = changed(changes[4], alpha[1], g[0], f[1], beta[0]); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { changes[5] = changed(changes[5], alpha[1], g[1], f[1], beta[1]); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { changes[6] = changed(changes[6], alpha[1], g[2], f[1], beta[2]); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { changes[7] = changed(changes[7], alpha[1], g[3], f[1], beta[3]); }
  if (ROW_BLOCKS > 2u) { changes[8] = changed(changes[8], alpha[2], g[0], f[2], beta[0]); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { changes[9] = changed(changes[9], alpha[2], g[1], f[2], beta[1]); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { changes[10] = changed(changes[10], alpha[2], g[2], f[2], beta[2]); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { changes[11] = changed(changes[11], alpha[2], g[3], f[2], beta[3]); }
  if (ROW_BLOCKS > 3u) { changes[12] = changed(changes[12], alpha[3], g[0], f[3], beta[0]); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { changes[13] = changed(changes[13], alpha[3], g[1], f[3], beta[1]); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { changes[14] = changed(changes[14], alpha[3], g[2], f[3], beta[2]); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { changes[15] = changed(changes[15], alpha[3], g[3], f[3], beta[3]); }
}

fn set_entries(i: u32, j: u32, x: vec4<f32>) {
  if (j < M) {
    if (i < N) { entries[i * M + j] = x.x; }
    if (i + 1u < N) { entries[i * M + M + j] = x.y; }
    if (i + 2u < N) { entries[i * M + 2u * M + j] = x.z; }
    if (i + 3u < N) { entries[i * M + 3u * M + j] = x.w; }
  }
}

fn weigh(i: u32, j: u32, matrix: mat4x4<f32>, sums: mat4x4<f32>) {
  set_entries(i, j, matrix[0] * sums[0]);
  set_entries(i, j + 1u, matrix[1] * sums[1]);
  set_entries(i, j + 2u, matrix[2] * sums[2]);
  set_entries(i, j + 3u, matrix[3] * sums[3]);
}

// Entries become A times the changes.
fn weigh_entries() {
  weigh(0u, 0u, blocks[0], changes[0]);
  if (COLUMN_BLOCKS > 1u) { weigh(0u, 4u, blocks[1], changes[1]); }
  if (COLUMN_BLOCKS > 2u) { weigh(0u, 8u, blocks[2], changes[2]); }
  if (COLUMN_BLOCKS > 3u) { weigh(0u, 12u, blocks[3], changes[3]); }
  if (ROW_BLOCKS > 1u) { weigh(4u, 0u, blocks[4], changes[4]); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { weigh(4u, 4u, blocks[5], changes[5]); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { weigh(4u, 8u, blocks[6], changes[6]); }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { weigh(4u, 12u, blocks[7], changes[7]); }
  if (ROW_BLOCKS > 2u) { weigh(8u, 0u, blocks[8], changes[8]); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { weigh(8u, 4u, blocks[9], changes[9]); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { weigh(8u, 8u, blocks[10], changes[10]); }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { weigh(8u, 12u, blocks[11], changes[11]); }
  if (ROW_BLOCKS > 3u) { weigh(12u, 0u, blocks[12], changes[12]); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { weigh(12u, 4u, blocks[13], changes[13]); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { weigh(12u, 8u, blocks[14], changes[14]); }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { weigh(12u, 12u, blocks[15], changes[15]); }
}

fn set_all_rows(x: mat4x4<f32>) {
  set_rows(0u, x[0]);
  set_rows(4u, x[1]);
  set_rows(8u, x[2]);
  set_rows(12u, x[3]);
}

fn set_all_columns(x: mat4x4<f32>) {
  set_columns(0u, x[0]);
  set_columns(4u, x[1]);
  set_columns(8u, x[2]);
  set_columns(12u, x[3]);
}

// From alpha, A (in `entries`) and beta: dK of the plan goes to dcost, its sums over rows and columns take the place of alpha
// and beta, and dK / A that of A.
fn start_from_plan() {
  let matrix_at = problem * N * M;
  for (var i = 0u; i < N; i++) {
    var sum = 0.0;
    for (var j = 0u; j < M; j++) {
      let at = i * M + j;
      let slope = dplan[matrix_at + at];
      let change = ((row_values[i] * entries[at]) * column_values[j]) * slope;
      dcost[matrix_at + at] = change;
      entries[at] = (row_values[i] * slope) * column_values[j];
      sum += change;
    }
    row_values[i] = sum;
  }
  for (var j = 0u; j < M; j++) {
    var sum = 0.0;
    for (var i = 0u; i < N; i++) {
      sum += dcost[matrix_at + i * M + j];
    }
    column_values[j] = sum;
  }
}

fn walk_scaled(done: u32) {
  let kept_at = 1u + (params.iterations + 1u) * M;
  for (var at = 0u; at < N * M; at++) {
    entries[at] = kept(kept_at + at);
  }
  load_blocks();
  var r = mat4x4<f32>();
  var c = mat4x4<f32>();
  if (RELAXED) {
    r = kept_vector(kept_at + N * M, N);
    c = kept_vector(kept_at + N * M + N, M);
  }
  let first = kept_vector(1u, M);
  let masses_a = mat4x4<f32>(row_masses(0u), row_masses(4u), row_masses(8u), row_masses(12u));
  // Nothing flows to an empty column; its first beta is 0.
  let zero = vec4<f32>();
  let masses_b = mat4x4<f32>(
    select(zero, column_masses(0u), first[0] > zero),
    select(zero, column_masses(4u), first[1] > zero),
    select(zero, column_masses(8u), first[2] > zero),
    select(zero, column_masses(12u), first[3] > zero),
  );
  var all = total(masses_b[0]);
  if (COLUMN_BLOCKS > 1u) { all += total(masses_b[1]); }
  if (COLUMN_BLOCKS > 2u) { all += total(masses_b[2]); }
  if (COLUMN_BLOCKS > 3u) { all += total(masses_b[3]); }

  var sums = kept_vector(1u + done * M, M);
  var beta = divide(masses_b, divisors(masses_b, sums, c));
  var q = mat4x4<f32>();
  var slopes_a = mat4x4<f32>();
  var slopes_b = mat4x4<f32>();
  for (var t = done; t > 0u; t--) {
    var previous_sums = first;
    var previous = first;
    if (t > 1u) {
      previous_sums = kept_vector(1u + (t - 1u) * M, M);
      previous = divide(masses_b, divisors(masses_b, previous_sums, c));
    }
    let raw = row_sums(previous);
    let s = mat4x4<f32>(filled(raw[0]), filled(raw[1]), filled(raw[2]), filled(raw[3]));
    let alpha = divide(masses_a, divisors(masses_a, s, r));
    // Only the last iteration's u is used by the plan.
    var p = mat4x4<f32>();
    if (t == done) {
      set_all_rows(alpha);
      set_all_columns(beta);
      start_from_plan();
      load_changes();
      p = mat4x4<f32>(four_rows(0u), four_rows(4u), four_rows(8u), four_rows(12u));
      q = mat4x4<f32>(four_columns(0u), four_columns(4u), four_columns(8u), four_columns(12u));
    } else if (!RELAXED && (done - t) % BALANCE_EVERY == 0u) {
      var remainder = total(q[0]);
      if (COLUMN_BLOCKS > 1u) { remainder += total(q[1]); }
      if (COLUMN_BLOCKS > 2u) { remainder += total(q[2]); }
      if (COLUMN_BLOCKS > 3u) { remainder += total(q[3]); }
      q -= masses_b * (remainder / max(all, 1e-37));
    }
    let column_flows = q * params.lambda;
    slopes_b += column_flows;
    let g = divide(column_flows * -1.0, sums);
    p += times(alpha, row_sums(g));
    let row_flows = p * params.lambda;
    slopes_a += row_flows;
    let f = divide(row_flows * -1.0, s);
    q = times(previous, column_sums(f));
    add_changes(alpha, g, f, previous);
    sums = previous_sums;
    beta = previous;
  }

  weigh_entries();
  for (var at = 0u; at < N * M; at++) {
    dcost[problem * N * M + at] = -params.inverse_epsilon * entries[at];
  }
  set_all_rows(slopes_a);
  set_all_columns(slopes_b);
}

// From here on the log domain, for problems that left the range of the scalings.
var<private> u: array<vec2<f32>, N>;
var<private> v: array<vec2<f32>, M>;
var<private> row_states: array<vec2<f32>, N>;
var<private> column_states: array<vec2<f32>, M>;
var<private> logits: array<vec2<f32>, N * M>;

fn potential(mass: f32, state: vec2<f32>) -> vec2<f32> {
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass <= 0.0 || state.x < DEAD * 0.5) {
    return vec2<f32>(DEAD, 0.0);
  }
  // The maximum is a multiple of 1/1024 already, and what comes besides is small.
  let hard = log(mass) - log(state.y);
  let small = hard - (hard - state.x) * params.relaxation;
  let rounded = grid(small);
  return vec2<f32>(rounded - state.x, small - rounded);
}

// (maximum, sum of exponentials relative to it) of v_j + K_ij over a row.
fn row_state(i: u32) -> vec2<f32> {
  var highest = DEAD;
  for (var j = 0u; j < M; j++) {
    highest = max(highest, v[j].x + logits[i * M + j].x);
  }
  var sum = 0.0;
  for (var j = 0u; j < M; j++) {
    let x = v[j] + logits[i * M + j];
    sum += exp((x.x - highest) + x.y);
  }
  return vec2<f32>(highest, sum);
}

fn column_state(j: u32) -> vec2<f32> {
  var highest = DEAD;
  for (var i = 0u; i < N; i++) {
    highest = max(highest, u[i].x + logits[i * M + j].x);
  }
  var sum = 0.0;
  for (var i = 0u; i < N; i++) {
    let x = u[i] + logits[i * M + j];
    sum += exp((x.x - highest) + x.y);
  }
  return vec2<f32>(highest, sum);
}

// States and u of iteration t, and v of the one before: the record has every second v.
fn restore(t: u32) {
  let known = (t - 1u) - (t - 1u) % 2u;
  for (var j = 0u; j < M; j++) {
    v[j] = vec2<f32>();
    if (known > 0u) {
      v[j] = vec2<f32>(kept(1u + (known - 1u) * M + j), kept(1u + known * M + j));
    }
  }
  for (var step = known + 1u; step <= t; step++) {
    for (var i = 0u; i < N; i++) {
      row_states[i] = row_state(i);
      u[i] = potential(a[problem * N + i], row_states[i]);
    }
    for (var j = 0u; j < M; j++) {
      column_states[j] = column_state(j);
    }
    for (var j = 0u; j < M && step < t; j++) {
      v[j] = potential(b[problem * M + j], column_states[j]);
    }
  }
}

// p and q are kept in row_values and column_values, sums of dlog a and dlog b in da and db.
fn walk_log(done: u32) {
  let matrix_at = problem * N * M;
  let kept_at = 1u + (params.iterations + 1u) * M;
  for (var at = 0u; at < N * M; at++) {
    logits[at] = vec2<f32>(kept(kept_at + at), kept(kept_at + N * M + at));
  }
  for (var i = 0u; i < N; i++) {
    row_values[i] = 1.0;
    da[problem * N + i] = 0.0;
  }
  var all = 0.0;
  for (var j = 0u; j < M; j++) {
    column_values[j] = 1.0;
    db[problem * M + j] = 0.0;
    all += max(b[problem * M + j], 0.0);
  }
  for (var t = done; t > 0u; t--) {
    restore(t);
    if (t == done) {
      for (var j = 0u; j < M; j++) {
        let last = potential(b[problem * M + j], column_states[j]);
        for (var i = 0u; i < N; i++) {
          let x = u[i] + last + logits[i * M + j];
          entries[i * M + j] = exp(x.x + x.y);
        }
      }
      start_from_plan();
    }
    var remainder = 0.0;
    if (!RELAXED && t < done && (done - t) % BALANCE_EVERY == 0u) {
      for (var j = 0u; j < M; j++) {
        remainder += column_values[j];
      }
      remainder /= max(all, 1e-37);
    }
    for (var j = 0u; j < M; j++) {
      let mass = b[problem * M + j];
      let state = column_states[j];
      let alive = mass > 0.0 && state.x > DEAD * 0.5;
      let flow = select(0.0, params.lambda * (column_values[j] - remainder * mass), alive);
      db[problem * M + j] += flow;
      // Nothing comes near the offset of a dead column.
      column_states[j] = vec2<f32>(select(-DEAD, state.x, alive), -flow / select(1.0, state.y, alive));
    }
    for (var i = 0u; i < N; i++) {
      var sum = select(0.0, row_values[i], t == done);
      for (var j = 0u; j < M; j++) {
        let x = u[i] + logits[i * M + j];
        let change = exp((x.x - column_states[j].x) + x.y) * column_states[j].y;
        sum += change;
        dcost[matrix_at + i * M + j] += change;
      }
      let state = row_states[i];
      let alive = u[i].x > DEAD * 0.5;
      let flow = select(0.0, params.lambda * sum, alive);
      da[problem * N + i] += flow;
      row_states[i] = vec2<f32>(select(-DEAD, state.x, alive), -flow / select(1.0, state.y, alive));
    }
    for (var j = 0u; j < M; j++) {
      var sum = 0.0;
      for (var i = 0u; i < N; i++) {
        let x = v[j] + logits[i * M + j];
        let change = exp((x.x - row_states[i].x) + x.y) * row_states[i].y;
        sum += change;
        dcost[matrix_at + i * M + j] += change;
      }
      column_values[j] = sum;
    }
  }
  for (var i = 0u; i < N; i++) {
    row_values[i] = da[problem * N + i];
  }
  for (var j = 0u; j < M; j++) {
    column_values[j] = db[problem * M + j];
  }
  for (var at = 0u; at < N * M; at++) {
    dcost[matrix_at + at] *= -params.inverse_epsilon;
  }
}

@compute @workgroup_size(PROBLEMS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = group_id.x + group_id.y * group_counts.x;
  problem = group * PROBLEMS + lane;
  if (problem >= params.problems) {
    return;
  }
  record_at = group * PROBLEMS * (1u + (params.iterations + 1u) * M + 2u * N * M + N + M) + lane;
  let done = kept(0u);
  if (done > 0.0) {
    walk_scaled(u32(done));
  } else {
    walk_log(u32(-done));
  }
  for (var i = 0u; i < N; i++) {
    let mass = a[problem * N + i];
    da[problem * N + i] = select(0.0, row_values[i] / max(mass, 1e-37), mass > 0.0);
  }
  for (var j = 0u; j < M; j++) {
    let mass = b[problem * M + j];
    db[problem * M + j] = select(0.0, column_values[j] / max(mass, 1e-37), mass > 0.0);
  }
}
