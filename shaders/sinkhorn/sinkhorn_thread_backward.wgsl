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
// A and beta as the forward pass did: weights add up to 1 but for the last bits. With hard marginals sum q = 0 after every u
// step; what rounding leaves of it would never decay, and is taken out at once, in proportion to b. Problems solved in the
// log domain (those whose first number is negative) are left to sinkhorn_thread_log_backward.wgsl.
//
//   record as in sinkhorn_thread.wgsl   a, da [B, N]   b, db [B, M]   dplan, dcost [B, N, M]
//
// Registers: as in sinkhorn_thread.wgsl.   Dispatch: as there.

const N: u32 = 12u;
const M: u32 = 12u;
const PROBLEMS: u32 = 32u;
const RELAXED: bool = false;

const ROW_BLOCKS: u32 = (N + 3u) / 4u;
const COLUMN_BLOCKS: u32 = (M + 3u) / 4u;

// Up to 16 numbers, of rows or of columns.
alias Vector = mat4x4<f32>;

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

// Blocks as in sinkhorn_thread.wgsl, of A and of dK / A: what the plan hands to it goes in first, because the sum shrinks to
// the little that is left in the end, and so do its rounding errors.
var<private> blocks: array<mat4x4<f32>, 16>;
var<private> changes: array<mat4x4<f32>, 16>;
var<private> row_mass: Vector;
var<private> column_mass: Vector;
// r and c.
var<private> row_offset: Vector;
var<private> column_offset: Vector;
// Sums over iterations: dlog a and dlog b.
var<private> row_slope: Vector;
var<private> column_slope: Vector;
// q that the plan hands over.
var<private> column_flows: Vector;
var<private> problem: u32;
var<private> record_at: u32;

fn four(first: u32) -> vec4<u32> {
  return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}

fn total(x: vec4<f32>) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}

// Four numbers of the record, of rows or columns i .. of `count`; 1 past the end.
fn kept(row: u32, i: u32, count: u32) -> vec4<f32> {
  let at = record_at + (row + min(four(i), vec4<u32>(count - 1u))) * PROBLEMS;
  return select(vec4<f32>(1.0), vec4<f32>(record[at.x], record[at.y], record[at.z], record[at.w]), four(i) < vec4<u32>(count));
}

// The mass over its divisor; see scaling in sinkhorn_thread.wgsl.
fn scaling(mass: vec4<f32>, sum: vec4<f32>, offset: vec4<f32>) -> vec4<f32> {
  var divisor = sum;
  if (RELAXED) {
    let hard = log(max(mass, vec4<f32>(1e-37))) - log(sum) - offset;
    divisor *= exp(params.relaxation * select(vec4<f32>(), hard, mass > vec4<f32>()));
  }
  return mass * (1.0 / divisor);
}

// Rows 4 I .. of column j: of A, from the record, and of dplan.
fn four_entries(I: u32, j: u32) -> vec4<f32> {
  let rows = four(4u * I);
  let at = record_at + (1u + (params.iterations + 1u) * M + min(rows, vec4<u32>(N - 1u)) * M + min(j, M - 1u)) * PROBLEMS;
  return select(vec4<f32>(), vec4<f32>(record[at.x], record[at.y], record[at.z], record[at.w]), rows < vec4<u32>(select(0u, N, j < M)));
}

fn four_slopes(I: u32, j: u32) -> vec4<f32> {
  let at = problem * N * M + min(four(4u * I), vec4<u32>(N - 1u)) * M + min(j, M - 1u);
  return vec4<f32>(dplan[at.x], dplan[at.y], dplan[at.z], dplan[at.w]);
}

fn load_block(I: u32, J: u32) {
  let j = 4u * J;
  blocks[4u * I + J] = mat4x4<f32>(four_entries(I, j), four_entries(I, j + 1u), four_entries(I, j + 2u), four_entries(I, j + 3u));
}

fn load_rows(I: u32) {
  load_block(I, 0u);
  if (COLUMN_BLOCKS > 1u) { load_block(I, 1u); }
  if (COLUMN_BLOCKS > 2u) { load_block(I, 2u); }
  if (COLUMN_BLOCKS > 3u) { load_block(I, 3u); }
  let rows = four(4u * I);
  let at = min(rows, vec4<u32>(N - 1u)) + problem * N;
  row_mass[I] = select(vec4<f32>(), max(vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]), vec4<f32>()), rows < vec4<u32>(N));
  if (RELAXED) { row_offset[I] = kept(1u + (params.iterations + 1u) * M + N * M, 4u * I, N); }
}

// Nothing flows to an empty column; its first beta is 0.
fn load_columns(J: u32) {
  let columns = four(4u * J);
  let at = min(columns, vec4<u32>(M - 1u)) + problem * M;
  let alive = (columns < vec4<u32>(M)) & (kept(1u, 4u * J, M) > vec4<f32>());
  column_mass[J] = select(vec4<f32>(), max(vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]), vec4<f32>()), alive);
  if (RELAXED) { column_offset[J] = kept(1u + (params.iterations + 1u) * M + N * M + N, 4u * J, M); }
}

// S of iteration t of the columns 4 J .., or beta at first for t = 0.
fn kept_columns(J: u32, t: u32) -> vec4<f32> {
  return kept(1u + t * M, 4u * J, M);
}

// The same of all columns.
fn kept_sums(t: u32) -> Vector {
  var y = Vector();
  y[0] = kept_columns(0u, t);
  if (COLUMN_BLOCKS > 1u) { y[1] = kept_columns(1u, t); }
  if (COLUMN_BLOCKS > 2u) { y[2] = kept_columns(2u, t); }
  if (COLUMN_BLOCKS > 3u) { y[3] = kept_columns(3u, t); }
  return y;
}

// beta of iteration t, from what is kept of it. (Kept numbers are read once, an iteration ahead: a software adapter reads
// each of a subgroup's numbers by itself, which took a third of its time.)
fn column_scalings(sums: Vector, t: u32) -> Vector {
  var y = Vector();
  y[0] = column_scaling(0u, sums[0], t);
  if (COLUMN_BLOCKS > 1u) { y[1] = column_scaling(1u, sums[1], t); }
  if (COLUMN_BLOCKS > 2u) { y[2] = column_scaling(2u, sums[2], t); }
  if (COLUMN_BLOCKS > 3u) { y[3] = column_scaling(3u, sums[3], t); }
  return y;
}

fn column_scaling(J: u32, sums: vec4<f32>, t: u32) -> vec4<f32> {
  return select(scaling(column_mass[J], sums, column_offset[J]), sums, t == 0u);
}

// A x of the rows 4 I ..
fn row_sums(I: u32, x: Vector) -> vec4<f32> {
  var y = blocks[4u * I] * x[0];
  if (COLUMN_BLOCKS > 1u) { y += blocks[4u * I + 1u] * x[1]; }
  if (COLUMN_BLOCKS > 2u) { y += blocks[4u * I + 2u] * x[2]; }
  if (COLUMN_BLOCKS > 3u) { y += blocks[4u * I + 3u] * x[3]; }
  return y;
}

// A^T x of the columns 4 J ..
fn column_sums(J: u32, x: Vector) -> vec4<f32> {
  var y = x[0] * blocks[J];
  if (ROW_BLOCKS > 1u) { y += x[1] * blocks[J + 4u]; }
  if (ROW_BLOCKS > 2u) { y += x[2] * blocks[J + 8u]; }
  if (ROW_BLOCKS > 3u) { y += x[3] * blocks[J + 12u]; }
  return y;
}

// What comes to be 0 belongs to an empty row.
fn filled(sum: vec4<f32>) -> vec4<f32> {
  return select(sum, vec4<f32>(1.0), sum == vec4<f32>());
}

// What the plan hands to a block, by columns: dK / A; to p (returned), and to q.
fn start_block(I: u32, J: u32, alpha: vec4<f32>, beta: vec4<f32>) -> vec4<f32> {
  let j = 4u * J;
  let change = mat4x4<f32>(
    alpha * four_slopes(I, j) * beta.x,
    alpha * four_slopes(I, j + 1u) * beta.y,
    alpha * four_slopes(I, j + 2u) * beta.z,
    alpha * four_slopes(I, j + 3u) * beta.w,
  );
  changes[4u * I + J] = change;
  let tile = blocks[4u * I + J];
  let flow = mat4x4<f32>(tile[0] * change[0], tile[1] * change[1], tile[2] * change[2], tile[3] * change[3]);
  column_flows[J] += vec4<f32>(total(flow[0]), total(flow[1]), total(flow[2]), total(flow[3]));
  return (flow[0] + flow[1]) + (flow[2] + flow[3]);
}

fn start_rows(I: u32, alpha: vec4<f32>, beta: Vector) -> vec4<f32> {
  var p = start_block(I, 0u, alpha, beta[0]);
  if (COLUMN_BLOCKS > 1u) { p += start_block(I, 1u, alpha, beta[1]); }
  if (COLUMN_BLOCKS > 2u) { p += start_block(I, 2u, alpha, beta[2]); }
  if (COLUMN_BLOCKS > 3u) { p += start_block(I, 3u, alpha, beta[3]); }
  return p;
}

fn change_block(at: u32, alpha: vec4<f32>, g: vec4<f32>, f: vec4<f32>, beta: vec4<f32>) {
  let x = changes[at];
  changes[at] = mat4x4<f32>(
    x[0] + (alpha * g.x + f * beta.x),
    x[1] + (alpha * g.y + f * beta.y),
    x[2] + (alpha * g.z + f * beta.z),
    x[3] + (alpha * g.w + f * beta.w),
  );
}

fn change_rows(I: u32, alpha: vec4<f32>, g: Vector, f: vec4<f32>, beta: Vector) {
  change_block(4u * I, alpha, g[0], f, beta[0]);
  if (COLUMN_BLOCKS > 1u) { change_block(4u * I + 1u, alpha, g[1], f, beta[1]); }
  if (COLUMN_BLOCKS > 2u) { change_block(4u * I + 2u, alpha, g[2], f, beta[2]); }
  if (COLUMN_BLOCKS > 3u) { change_block(4u * I + 3u, alpha, g[3], f, beta[3]); }
}

// lambda q of the columns 4 J .. goes to their masses; gives g.
fn column_flow(J: u32, sums: vec4<f32>, q: vec4<f32>) -> vec4<f32> {
  let flow = q * params.lambda;
  column_slope[J] += flow;
  return -flow / sums;
}

// A step of the rows 4 I .. back: p from what the plan handed to it and from g, then f; both steps' changes of K. Gives f.
fn walk_rows(I: u32, start: vec4<f32>, g: Vector, beta: Vector) -> vec4<f32> {
  let s = filled(row_sums(I, beta));
  let alpha = scaling(row_mass[I], s, row_offset[I]);
  let flow = (start + alpha * row_sums(I, g)) * params.lambda;
  row_slope[I] += flow;
  let f = -flow / s;
  change_rows(I, alpha, g, f, beta);
  return f;
}

fn store_columns(i: u32, j: u32, x: vec4<f32>) {
  let at = problem * N * M + i * M + j;
  if (j < M) {
    dcost[at] = x.x;
    if (i + 1u < N) { dcost[at + M] = x.y; }
    if (i + 2u < N) { dcost[at + 2u * M] = x.z; }
    if (i + 3u < N) { dcost[at + 3u * M] = x.w; }
  }
}

fn store_block(I: u32, J: u32) {
  let tile = blocks[4u * I + J] * -params.inverse_epsilon;
  let change = changes[4u * I + J];
  store_columns(4u * I, 4u * J, tile[0] * change[0]);
  store_columns(4u * I, 4u * J + 1u, tile[1] * change[1]);
  store_columns(4u * I, 4u * J + 2u, tile[2] * change[2]);
  store_columns(4u * I, 4u * J + 3u, tile[3] * change[3]);
}

fn store_rows(I: u32) {
  store_block(I, 0u);
  if (COLUMN_BLOCKS > 1u) { store_block(I, 1u); }
  if (COLUMN_BLOCKS > 2u) { store_block(I, 2u); }
  if (COLUMN_BLOCKS > 3u) { store_block(I, 3u); }
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
  let counted = record[record_at];
  if (counted < 0.0) {
    return;
  }
  let done = u32(counted);
  load_rows(0u);
  if (ROW_BLOCKS > 1u) { load_rows(1u); }
  if (ROW_BLOCKS > 2u) { load_rows(2u); }
  if (ROW_BLOCKS > 3u) { load_rows(3u); }
  load_columns(0u);
  if (COLUMN_BLOCKS > 1u) { load_columns(1u); }
  if (COLUMN_BLOCKS > 2u) { load_columns(2u); }
  if (COLUMN_BLOCKS > 3u) { load_columns(3u); }
  // A matrix times ones adds up its columns.
  let mass = total(column_mass * vec4<f32>(1.0));

  // Only the last iteration's u is used by the plan: p is 0 in all others.
  var sums = kept_sums(done);
  let last = column_scalings(sums, done);
  let before = column_scalings(kept_sums(done - 1u), done - 1u);
  var p = Vector();
  p[0] = start_rows(0u, scaling(row_mass[0], filled(row_sums(0u, before)), row_offset[0]), last);
  if (ROW_BLOCKS > 1u) { p[1] = start_rows(1u, scaling(row_mass[1], filled(row_sums(1u, before)), row_offset[1]), last); }
  if (ROW_BLOCKS > 2u) { p[2] = start_rows(2u, scaling(row_mass[2], filled(row_sums(2u, before)), row_offset[2]), last); }
  if (ROW_BLOCKS > 3u) { p[3] = start_rows(3u, scaling(row_mass[3], filled(row_sums(3u, before)), row_offset[3]), last); }

  var q = column_flows;
  for (var t = done; t > 0u; t--) {
    let earlier = kept_sums(t - 1u);
    let beta = column_scalings(earlier, t - 1u);
    var g = Vector();
    g[0] = column_flow(0u, sums[0], q[0]);
    if (COLUMN_BLOCKS > 1u) { g[1] = column_flow(1u, sums[1], q[1]); }
    if (COLUMN_BLOCKS > 2u) { g[2] = column_flow(2u, sums[2], q[2]); }
    if (COLUMN_BLOCKS > 3u) { g[3] = column_flow(3u, sums[3], q[3]); }
    var f = Vector();
    f[0] = walk_rows(0u, p[0], g, beta);
    if (ROW_BLOCKS > 1u) { f[1] = walk_rows(1u, p[1], g, beta); }
    if (ROW_BLOCKS > 2u) { f[2] = walk_rows(2u, p[2], g, beta); }
    if (ROW_BLOCKS > 3u) { f[3] = walk_rows(3u, p[3], g, beta); }
    p = Vector();
    sums = earlier;
    q[0] = beta[0] * column_sums(0u, f);
    if (COLUMN_BLOCKS > 1u) { q[1] = beta[1] * column_sums(1u, f); }
    if (COLUMN_BLOCKS > 2u) { q[2] = beta[2] * column_sums(2u, f); }
    if (COLUMN_BLOCKS > 3u) { q[3] = beta[3] * column_sums(3u, f); }
    if (!RELAXED) {
      q -= column_mass * (total(q * vec4<f32>(1.0)) / max(mass, 1e-37));
    }
  }

  store_rows(0u);
  if (ROW_BLOCKS > 1u) { store_rows(1u); }
  if (ROW_BLOCKS > 2u) { store_rows(2u); }
  if (ROW_BLOCKS > 3u) { store_rows(3u); }
  for (var i = 0u; i < N; i++) {
    let share = a[problem * N + i];
    da[problem * N + i] = select(0.0, row_slope[i / 4u][i % 4u] / max(share, 1e-37), share > 0.0);
  }
  for (var j = 0u; j < M; j++) {
    let share = b[problem * M + j];
    db[problem * M + j] = select(0.0, column_slope[j / 4u][j % 4u] / max(share, 1e-37), share > 0.0);
  }
}
