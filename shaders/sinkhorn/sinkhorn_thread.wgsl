// Batched entropic optimal transport of small problems (up to 16 x 16): all iterations of a problem in one thread, with
// the matrix in registers and without a barrier. The iterates are those of sinkhorn.wgsl, in another form:
//
//   A_ij = exp(K_ij - r_i - c_j)  with  r_i = max_j K_ij,  c_j = max_i (K_ij - r_i),  so that 0 <= A <= 1 and every row
//   and column holds a 1;   alpha_i = exp(u_i + r_i),  beta_j = exp(v_j + c_j),  beta = exp(c) at first;
//   s = A beta,  alpha = a / s;   S = A^T alpha,  beta = b / S;   plan_ij = alpha_i A_ij beta_j
//
// With relaxed marginals alpha_i = (a_i / s_i) exp(-(1 - lambda) (log(a_i / s_i) - r_i)), and beta_j in the same way.
// That is two multiply-adds per entry and iteration, and one exponential per entry in all. (Schmitzer 2019, arXiv
// 1610.06519, moves the scalings into A whenever they grow; here once, at the start, is enough.) r and c are multiples
// of 1/1024, as the hi parts of logits.wgsl are, so that A has the error of one exponential and no other.
//
// Range: `low` and `high` follow the smallest and the largest sum. While all are within e^-35 .. e^35, an entry that
// underflowed in A (below e^-87) has less than 1e-7 b_j of its row's mass, and the rest loses nothing. A problem that
// leaves the range is solved again in the log domain as in sinkhorn.wgsl, by the second half of this file.
//
//   cost [B, N, M]   prior [N, M] or [B, N, M] as in logits.wgsl (PRIOR)   a [B, N]   b [B, M]
//   plan [B, N, M]   residual [B]   used [B]: as in sinkhorn.wgsl
//   record, for the backward pass (KEEP; a placeholder otherwise): [workgroup][row][PROBLEMS], so that neighbours write
//   neighbouring numbers; its rows are
//     0                  iterations done, below 0 for a problem solved in the log domain
//     1 + t M + j        beta_j at first (t = 0), then S_j of iteration t; in the log domain v_j as (hi, lo) of every second
//                        iteration, hi where t - 1 has its place and lo in the place of t
//     1 + (T + 1) M + e  A_e, then N times r and M times c (RELAXED); in the log domain the logit's hi, then N M times lo
//
// Dispatch: one thread per problem, PROBLEMS per workgroup; workgroups spill from x into y.

const N: u32 = 12u;
const M: u32 = 12u;
const PROBLEMS: u32 = 32u;
const PRIOR: bool = false;
const RELAXED: bool = false;
const KEEP: bool = true;

// 4 x 4 blocks of the matrix that are used.
const ROW_BLOCKS: u32 = (N + 3u) / 4u;
const COLUMN_BLOCKS: u32 = (M + 3u) / 4u;
const DEAD: f32 = -1e30;
// e^-35 and e^35.
const LOWEST: f32 = 6.3e-16;
const HIGHEST: f32 = 1.58e15;

struct Params {
  problems: u32,
  iterations: u32,
  check_every: u32,
  tolerance: f32,
  // 1 - lambda, and eps / rho; both 0 for hard marginals.
  relaxation: f32,
  excess: f32,
  // Entries of the prior.
  period: u32,
  // 1 / eps as a sum: 12 bits, and the rest.
  inverse_high: f32,
  inverse_low: f32,
}

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> prior: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> plan: array<f32>;
@group(0) @binding(5) var<storage, read_write> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> used: array<u32>;
@group(0) @binding(7) var<storage, read_write> record: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

// Indexed by variables, so not in registers: K as sums (hi, lo), A, the offsets r and c, and later alpha and beta.
var<private> logits: array<vec2<f32>, N * M>;
var<private> entries: array<f32, N * M>;
var<private> row_values: array<f32, N>;
var<private> column_values: array<f32, M>;
// Block 4 I + J holds the rows 4 I .. and the columns 4 J .. of A. Blocks are only ever indexed by literals, so that they
// live in registers. Vectors of up to 16 numbers are the columns of a mat4x4; blocks past N or M are never used.
var<private> blocks: array<mat4x4<f32>, 16>;
var<private> low: vec4<f32>;
var<private> high: vec4<f32>;
var<private> problem: u32;
var<private> record_at: u32;

fn keep(row: u32, value: f32) {
  record[record_at + row * PROBLEMS] = value;
}

fn grid(x: f32) -> f32 {
  return round(x * 1024.0) * 0.0009765625;
}

// K of an entry as a sum (hi, lo), see logits.wgsl.
fn logit(entry: u32) -> vec2<f32> {
  let at = problem * N * M + entry;
  let c = cost[at];
  let c_high = bitcast<f32>(bitcast<u32>(c) & 0xfffff000u);
  let c_low = c - c_high;
  let product = -c_high * params.inverse_high;
  let rest = -(c_high * params.inverse_low + c_low * params.inverse_high + c_low * params.inverse_low);
  var hi = grid(product + rest);
  var lo = (product - hi) + rest;
  var forbidden = c >= -DEAD;
  if (PRIOR) {
    let weight = prior[at % params.period];
    let log_weight = log(max(weight, 1e-37));
    let log_high = grid(log_weight);
    hi += log_high;
    lo += log_weight - log_high;
    forbidden = forbidden || weight <= 0.0;
  }
  return select(vec2<f32>(hi, lo), vec2<f32>(DEAD, 0.0), forbidden);
}

// exp(hi + lo) for hi <= 0, as 2^k exp(rest): an exponential alone has an error that grows with its argument. Zero where it underflows.
fn exponential(hi: f32, lo: f32) -> f32 {
  let clipped = max(hi, -200.0);
  let k = round(clipped * 1.442695);
  // log 2 as 355 / 512, whose product with k is exact, and the rest.
  let rest = ((clipped - k * 0.693359375) + k * 2.1219444e-4) + lo;
  return exp(rest) * bitcast<f32>(u32(max(i32(k) + 127, 0)) << 23u);
}

// r, c and A; r and c stay DEAD where a row or column is empty, that is, where mass could go nowhere.
fn fill_entries() {
  let kept_at = 1u + (params.iterations + 1u) * M;
  for (var i = 0u; i < N; i++) {
    var highest = DEAD;
    for (var j = 0u; j < M; j++) {
      let x = logit(i * M + j);
      logits[i * M + j] = x;
      highest = max(highest, x.x);
    }
    row_values[i] = highest;
    if (KEEP && RELAXED) {
      keep(kept_at + N * M + i, offset_of(highest));
    }
  }
  for (var j = 0u; j < M; j++) {
    var highest = DEAD;
    for (var i = 0u; i < N; i++) {
      highest = max(highest, logits[i * M + j].x - offset_of(row_values[i]));
    }
    column_values[j] = highest;
    if (KEEP && RELAXED) {
      keep(kept_at + N * M + N + j, offset_of(highest));
    }
    for (var i = 0u; i < N; i++) {
      let x = logits[i * M + j];
      let value = exponential((x.x - offset_of(row_values[i])) - offset_of(highest), x.y);
      entries[i * M + j] = value;
      if (KEEP) {
        keep(kept_at + i * M + j, value);
      }
    }
  }
}

fn offset_of(highest: f32) -> f32 {
  return select(highest, 0.0, highest < 0.5 * DEAD);
}

fn offsets_of(highest: vec4<f32>) -> vec4<f32> {
  return select(highest, vec4<f32>(), highest < vec4<f32>(0.5 * DEAD));
}

fn emptiness(highest: vec4<f32>) -> vec4<f32> {
  return select(vec4<f32>(), vec4<f32>(1.0), highest < vec4<f32>(0.5 * DEAD));
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

// Four of the row values from i on, or of the column values; DEAD past the end.
fn four_rows(i: u32) -> vec4<f32> {
  var x = vec4<f32>(DEAD);
  if (i < N) { x.x = row_values[i]; }
  if (i + 1u < N) { x.y = row_values[i + 1u]; }
  if (i + 2u < N) { x.z = row_values[i + 2u]; }
  if (i + 3u < N) { x.w = row_values[i + 3u]; }
  return x;
}

fn four_columns(j: u32) -> vec4<f32> {
  var x = vec4<f32>(DEAD);
  if (j < M) { x.x = column_values[j]; }
  if (j + 1u < M) { x.y = column_values[j + 1u]; }
  if (j + 2u < M) { x.z = column_values[j + 2u]; }
  if (j + 3u < M) { x.w = column_values[j + 3u]; }
  return x;
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

fn watch(x: vec4<f32>) {
  low = min(low, x);
  high = max(high, x);
}

fn watch_rows(x: mat4x4<f32>) {
  watch(x[0]);
  if (ROW_BLOCKS > 1u) { watch(x[1]); }
  if (ROW_BLOCKS > 2u) { watch(x[2]); }
  if (ROW_BLOCKS > 3u) { watch(x[3]); }
}

fn watch_columns(x: mat4x4<f32>) {
  watch(x[0]);
  if (COLUMN_BLOCKS > 1u) { watch(x[1]); }
  if (COLUMN_BLOCKS > 2u) { watch(x[2]); }
  if (COLUMN_BLOCKS > 3u) { watch(x[3]); }
}

fn total(x: vec4<f32>) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}

// sum |target - alpha s| of four rows; see residual in sinkhorn.wgsl.
fn miss(mass: vec4<f32>, scaling: vec4<f32>, sum: vec4<f32>, offset: vec4<f32>, empty: vec4<f32>) -> f32 {
  var wanted = mass;
  if (RELAXED) {
    let potential = log(max(scaling, vec4<f32>(1e-37))) - offset;
    // A row that cannot send its mass anywhere misses all of it.
    wanted = select(mass, mass * exp(-potential * params.excess), mass * (1.0 - empty) > vec4<f32>());
  }
  return total(abs(wanted - scaling * sum));
}

fn keep_four(row: u32, j: u32, x: vec4<f32>) {
  keep(row + j, x.x);
  if (j + 1u < M) { keep(row + j + 1u, x.y); }
  if (j + 2u < M) { keep(row + j + 2u, x.z); }
  if (j + 3u < M) { keep(row + j + 3u, x.w); }
}

fn keep_columns(t: u32, x: mat4x4<f32>) {
  if (!KEEP) {
    return;
  }
  let row = 1u + t * M;
  keep_four(row, 0u, x[0]);
  if (COLUMN_BLOCKS > 1u) { keep_four(row, 4u, x[1]); }
  if (COLUMN_BLOCKS > 2u) { keep_four(row, 8u, x[2]); }
  if (COLUMN_BLOCKS > 3u) { keep_four(row, 12u, x[3]); }
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

// Solves the problem with scalings; false when they left their range, and the results are not to be used.
fn solve_scaled() -> bool {
  fill_entries();
  load_blocks();
  let row_highest = mat4x4<f32>(four_rows(0u), four_rows(4u), four_rows(8u), four_rows(12u));
  let column_highest = mat4x4<f32>(four_columns(0u), four_columns(4u), four_columns(8u), four_columns(12u));
  let r = mat4x4<f32>(offsets_of(row_highest[0]), offsets_of(row_highest[1]), offsets_of(row_highest[2]), offsets_of(row_highest[3]));
  let c = mat4x4<f32>(offsets_of(column_highest[0]), offsets_of(column_highest[1]), offsets_of(column_highest[2]), offsets_of(column_highest[3]));
  // Sums of empty rows and columns count as 1.
  let empty_rows = mat4x4<f32>(emptiness(row_highest[0]), emptiness(row_highest[1]), emptiness(row_highest[2]), emptiness(row_highest[3]));
  let empty_columns = mat4x4<f32>(emptiness(column_highest[0]), emptiness(column_highest[1]), emptiness(column_highest[2]), emptiness(column_highest[3]));
  let masses_a = mat4x4<f32>(row_masses(0u), row_masses(4u), row_masses(8u), row_masses(12u));
  let masses_b = mat4x4<f32>(column_masses(0u), column_masses(4u), column_masses(8u), column_masses(12u));
  // beta of v = 0.
  for (var j = 0u; j < M; j++) {
    let highest = column_values[j];
    column_values[j] = select(exponential(highest, 0.0), 0.0, highest < 0.5 * DEAD);
  }
  var beta = mat4x4<f32>(max(four_columns(0u), vec4<f32>()), max(four_columns(4u), vec4<f32>()), max(four_columns(8u), vec4<f32>()), max(four_columns(12u), vec4<f32>()));

  low = vec4<f32>(1.0);
  high = vec4<f32>(1.0);
  watch_columns(beta + empty_columns);
  keep_columns(0u, beta);
  var alpha = mat4x4<f32>();
  var done = 0u;
  var missed = 0.0;
  var look = params.iterations;
  if (params.tolerance > 0.0) {
    look = min(params.check_every, params.iterations);
  }
  var t = 0u;
  loop {
    // s of the next iteration, and of the residual of the last one.
    let s = row_sums(beta);
    if (t == look) {
      missed = miss(masses_a[0], alpha[0], s[0], r[0], empty_rows[0]);
      if (ROW_BLOCKS > 1u) { missed += miss(masses_a[1], alpha[1], s[1], r[1], empty_rows[1]); }
      if (ROW_BLOCKS > 2u) { missed += miss(masses_a[2], alpha[2], s[2], r[2], empty_rows[2]); }
      if (ROW_BLOCKS > 3u) { missed += miss(masses_a[3], alpha[3], s[3], r[3], empty_rows[3]); }
      if (missed < params.tolerance || t == params.iterations) {
        break;
      }
      look = min(look + params.check_every, params.iterations);
    }
    t++;
    let row_divisors = divisors(masses_a, s + empty_rows, r);
    watch_rows(row_divisors);
    alpha = divide(masses_a, row_divisors);
    let sums = column_sums(alpha) + empty_columns;
    let column_divisors = divisors(masses_b, sums, c);
    watch_columns(column_divisors);
    beta = divide(masses_b, column_divisors);
    keep_columns(t, sums);
  }
  // Also false when a number is NaN.
  let safe = min(min(low.x, low.y), min(low.z, low.w)) >= LOWEST && max(max(high.x, high.y), max(high.z, high.w)) <= HIGHEST;
  if (safe) {
    residual[problem] = missed;
    used[problem] = t;
    if (KEEP) {
      keep(0u, f32(t));
    }
    set_rows(0u, alpha[0]);
    set_rows(4u, alpha[1]);
    set_rows(8u, alpha[2]);
    set_rows(12u, alpha[3]);
    set_columns(0u, beta[0]);
    set_columns(4u, beta[1]);
    set_columns(8u, beta[2]);
    set_columns(12u, beta[3]);
    for (var at = 0u; at < N * M; at++) {
      plan[problem * N * M + at] = (row_values[at / M] * entries[at]) * column_values[at % M];
    }
  }
  return safe;
}

// From here on the log domain, for problems out of range: potentials as in sinkhorn.wgsl, one entry after the other.
var<private> u: array<vec2<f32>, N>;
var<private> v: array<vec2<f32>, M>;

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

// What a row misses; leaves the row of the plan in `entries`.
fn row_residual(i: u32) -> f32 {
  var sum = 0.0;
  for (var j = 0u; j < M; j++) {
    let x = u[i] + v[j] + logits[i * M + j];
    let value = exp(x.x + x.y);
    entries[i * M + j] = value;
    sum += value;
  }
  let mass = max(a[problem * N + i], 0.0);
  let relaxed = mass * exp(-(u[i].x + u[i].y) * params.excess);
  return abs(select(relaxed, mass, u[i].x <= DEAD * 0.5) - sum);
}

fn solve_log() {
  for (var j = 0u; j < M; j++) {
    v[j] = vec2<f32>();
  }
  var done = 0u;
  var missed = 0.0;
  for (var t = 1u; t <= params.iterations; t++) {
    done = t;
    for (var i = 0u; i < N; i++) {
      u[i] = potential(a[problem * N + i], row_state(i));
    }
    for (var j = 0u; j < M; j++) {
      v[j] = potential(b[problem * M + j], column_state(j));
      if (KEEP && t % 2u == 0u) {
        keep(1u + (t - 1u) * M + j, v[j].x);
        keep(1u + t * M + j, v[j].y);
      }
    }
    if ((params.tolerance > 0.0 && t % params.check_every == 0u) || t == params.iterations) {
      missed = 0.0;
      for (var i = 0u; i < N; i++) {
        missed += row_residual(i);
      }
      if (missed < params.tolerance) {
        break;
      }
    }
  }
  residual[problem] = missed;
  used[problem] = done;
  if (KEEP) {
    keep(0u, -f32(done));
  }
  let kept_at = 1u + (params.iterations + 1u) * M;
  for (var at = 0u; at < N * M; at++) {
    plan[problem * N * M + at] = entries[at];
    if (KEEP) {
      let x = logits[at];
      keep(kept_at + at, x.x);
      keep(kept_at + N * M + at, x.y);
    }
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
  if (!solve_scaled()) {
    solve_log();
  }
}
