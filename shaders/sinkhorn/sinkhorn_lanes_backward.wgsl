// Exact gradient of sinkhorn_lanes.wgsl, lanes and problems of a workgroup as there. Formulas and names are those of
// sinkhorn_thread_backward.wgsl:
//
//   p_i = sum_j dplan_ij plan_ij,  q_j = sum_i dplan_ij plan_ij        (from the plan)
//   v step:  g_j = -lambda q_j / S_j,   p_i += alpha_i (A g)_i          (p starts from 0 in all but the last iteration)
//   u step:  f_i = -lambda p_i / s_i,   q_j = beta_j (A^T f)_j,  beta of iteration t - 1
//   dlog a_i += lambda p_i,  dlog b_j += lambda q_j;   da = dlog a / a,  db = dlog b / b
//   dcost_ij = -(1 / eps) A_ij (dplan_ij alpha_i beta_j + sum_t (alpha_i g_j + f_i beta_j))
//
// A lane has two rows of A, two columns, and the same two rows of dK / A (what stands in brackets above): a step of the
// columns gives g and beta to the other lanes of the problem, a step of the rows gives f, a barrier after each. With hard
// marginals sum q = 0; what rounding leaves of it never decays, and every 16th step takes it out, in proportion to b. Problems
// of a workgroup go in step; those solved in the log domain are left to sinkhorn_thread_log_backward.wgsl.
//
//   record as in sinkhorn_lanes.wgsl   a, da [B, N]   b, db [B, M]   dplan, dcost [B, N, M]
//
// Registers: six lines of up to 16 numbers, indexed by literals only.   Dispatch: as sinkhorn_lanes.wgsl.

const N: u32 = 12u;
const M: u32 = 12u;
// Four rows or columns each; as many as the longer side needs.
const BLOCKS: u32 = 3u;
const SLOTS: u32 = 5u;
const RELAXED: bool = false;

// Rows, and columns, with those past the edges.
const LINES: u32 = 4u * BLOCKS;
const LANES: u32 = 2u * BLOCKS;
const INVOCATIONS: u32 = LANES * SLOTS;
const BALANCE_EVERY: u32 = 16u;

// Up to 16 numbers, of rows or of columns, in its four columns.
alias Line = mat4x4<f32>;

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

// Of every problem, A at first, then dplan, in the end dK; 0 past the edges.
var<workgroup> matrix: array<f32, SLOTS * LINES * LINES>;
// f of two rows for each lane; alpha at first.
var<workgroup> of_rows: array<vec2<f32>, INVOCATIONS>;
// (g, beta) of two columns for each lane; beta of the last iteration and of the one before at first.
var<workgroup> of_columns: array<vec4<f32>, INVOCATIONS>;
// (sum q, sum b) of the columns of a lane.
var<workgroup> remainders: array<vec2<f32>, INVOCATIONS>;

var<private> row_0: Line;
var<private> row_1: Line;
var<private> column_0: Line;
var<private> column_1: Line;
// dK / A: what the plan hands to it goes in first, because the sum shrinks to the little that is left in the end, and so do its
// rounding errors.
var<private> change_0: Line;
var<private> change_1: Line;
var<private> row_mass: vec2<f32>;
var<private> column_mass: vec2<f32>;
// r and c.
var<private> row_offset: vec2<f32>;
var<private> column_offset: vec2<f32>;
var<private> problem: u32;
var<private> record_at: u32;
// The first lane of the problem in the workgroup's arrays, and its first entry.
var<private> first_lane: u32;
var<private> matrix_at: u32;
// The lane's rows, and columns.
var<private> here: vec2<u32>;

// The lane's two numbers of `count` in the record; 1 past the end.
fn kept(row: u32, count: u32) -> vec2<f32> {
  let at = record_at + row + min(here, vec2<u32>(count - 1u));
  return select(vec2<f32>(1.0), vec2<f32>(record[at.x], record[at.y]), here < vec2<u32>(count));
}

// S of iteration t, or beta at first for t = 0.
fn kept_columns(t: u32) -> vec2<f32> {
  return kept(1u + t * M, M);
}

// The mass over its divisor; see scaling in sinkhorn_thread.wgsl.
fn scaling(mass: vec2<f32>, sum: vec2<f32>, offset: vec2<f32>) -> vec2<f32> {
  var divisor = sum;
  if (RELAXED) {
    let hard = log(max(mass, vec2<f32>(1e-37))) - log(sum) - offset;
    divisor *= exp(params.relaxation * select(vec2<f32>(), hard, mass > vec2<f32>()));
  }
  return mass * (1.0 / divisor);
}

// beta of iteration t from what is kept of it.
fn column_scaling(sum: vec2<f32>, t: u32) -> vec2<f32> {
  return select(scaling(column_mass, sum, column_offset), sum, t == 0u);
}

// What comes to be 0 belongs to an empty row.
fn filled(sum: vec2<f32>) -> vec2<f32> {
  return select(sum, vec2<f32>(1.0), sum == vec2<f32>());
}

// A row or a column of what the workgroup's matrix holds.
fn four_entries(at: u32, stride: u32) -> vec4<f32> {
  return vec4<f32>(matrix[at], matrix[at + stride], matrix[at + 2u * stride], matrix[at + 3u * stride]);
}

fn line(at: u32, stride: u32) -> Line {
  var x = Line();
  x[0] = four_entries(at, stride);
  if (BLOCKS > 1u) { x[1] = four_entries(at + 4u * stride, stride); }
  if (BLOCKS > 2u) { x[2] = four_entries(at + 8u * stride, stride); }
  if (BLOCKS > 3u) { x[3] = four_entries(at + 12u * stride, stride); }
  return x;
}

fn put_four(at: u32, x: vec4<f32>) {
  matrix[at] = x.x;
  matrix[at + 1u] = x.y;
  matrix[at + 2u] = x.z;
  matrix[at + 3u] = x.w;
}

// x_k y_k into a row of the workgroup's matrix.
fn put_products(at: u32, x: Line, y: Line) {
  put_four(at, x[0] * y[0]);
  if (BLOCKS > 1u) { put_four(at + 4u, x[1] * y[1]); }
  if (BLOCKS > 2u) { put_four(at + 8u, x[2] * y[2]); }
  if (BLOCKS > 3u) { put_four(at + 12u, x[3] * y[3]); }
}

// The first and second of what of_columns holds for a column, and what of_rows holds.
fn column_firsts() -> Line {
  let at = first_lane;
  var x = Line();
  x[0] = vec4<f32>(of_columns[at].xy, of_columns[at + 1u].xy);
  if (BLOCKS > 1u) { x[1] = vec4<f32>(of_columns[at + 2u].xy, of_columns[at + 3u].xy); }
  if (BLOCKS > 2u) { x[2] = vec4<f32>(of_columns[at + 4u].xy, of_columns[at + 5u].xy); }
  if (BLOCKS > 3u) { x[3] = vec4<f32>(of_columns[at + 6u].xy, of_columns[at + 7u].xy); }
  return x;
}

fn column_seconds() -> Line {
  let at = first_lane;
  var x = Line();
  x[0] = vec4<f32>(of_columns[at].zw, of_columns[at + 1u].zw);
  if (BLOCKS > 1u) { x[1] = vec4<f32>(of_columns[at + 2u].zw, of_columns[at + 3u].zw); }
  if (BLOCKS > 2u) { x[2] = vec4<f32>(of_columns[at + 4u].zw, of_columns[at + 5u].zw); }
  if (BLOCKS > 3u) { x[3] = vec4<f32>(of_columns[at + 6u].zw, of_columns[at + 7u].zw); }
  return x;
}

fn row_values() -> Line {
  let at = first_lane;
  var x = Line();
  x[0] = vec4<f32>(of_rows[at], of_rows[at + 1u]);
  if (BLOCKS > 1u) { x[1] = vec4<f32>(of_rows[at + 2u], of_rows[at + 3u]); }
  if (BLOCKS > 2u) { x[2] = vec4<f32>(of_rows[at + 4u], of_rows[at + 5u]); }
  if (BLOCKS > 3u) { x[3] = vec4<f32>(of_rows[at + 6u], of_rows[at + 7u]); }
  return x;
}

// The sum of x_k y_k.
fn product(x: Line, y: Line) -> f32 {
  var sum = x[0] * y[0];
  if (BLOCKS > 1u) { sum += x[1] * y[1]; }
  if (BLOCKS > 2u) { sum += x[2] * y[2]; }
  if (BLOCKS > 3u) { sum += x[3] * y[3]; }
  return (sum.x + sum.y) + (sum.z + sum.w);
}

// x_k y_k alpha
fn scaled(x: Line, y: Line, alpha: f32) -> Line {
  var z = Line();
  z[0] = x[0] * y[0] * alpha;
  if (BLOCKS > 1u) { z[1] = x[1] * y[1] * alpha; }
  if (BLOCKS > 2u) { z[2] = x[2] * y[2] * alpha; }
  if (BLOCKS > 3u) { z[3] = x[3] * y[3] * alpha; }
  return z;
}

// A row of dK / A after an iteration.
fn changed(x: Line, alpha: f32, g: Line, f: f32, beta: Line) -> Line {
  var z = Line();
  z[0] = x[0] + (alpha * g[0] + f * beta[0]);
  if (BLOCKS > 1u) { z[1] = x[1] + (alpha * g[1] + f * beta[1]); }
  if (BLOCKS > 2u) { z[2] = x[2] + (alpha * g[2] + f * beta[2]); }
  if (BLOCKS > 3u) { z[3] = x[3] + (alpha * g[3] + f * beta[3]); }
  return z;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let slot = invocation / LANES;
  let lane = invocation % LANES;
  let index = (group_id.x + group_id.y * group_counts.x) * SLOTS + slot;
  problem = min(index, params.problems - 1u);
  first_lane = slot * LANES;
  matrix_at = slot * LINES * LINES;
  let kept_entries = 1u + (params.iterations + 1u) * M;
  record_at = problem * (kept_entries + 2u * N * M + N + M);
  let counted = record[record_at];
  let exists = index < params.problems && counted > 0.0;
  let done = select(0u, u32(max(counted, 0.0)), exists);
  let mine = 2u * lane;
  let rows_at = matrix_at + mine * LINES;
  let columns_at = matrix_at + mine;
  here = vec2<u32>(mine, mine + 1u);
  let row_masses = min(here, vec2<u32>(N - 1u)) + problem * N;
  let column_masses = min(here, vec2<u32>(M - 1u)) + problem * M;
  row_mass = select(vec2<f32>(), max(vec2<f32>(a[row_masses.x], a[row_masses.y]), vec2<f32>()), here < vec2<u32>(N));
  // Nothing flows to an empty column; its first beta is 0.
  let alive = (here < vec2<u32>(M)) & (kept_columns(0u) > vec2<f32>());
  column_mass = select(vec2<f32>(), max(vec2<f32>(b[column_masses.x], b[column_masses.y]), vec2<f32>()), alive);
  if (RELAXED) {
    row_offset = kept(kept_entries + N * M, N);
    column_offset = kept(kept_entries + N * M + N, M);
  }

  for (var e = lane; e < LINES * LINES; e += LANES) {
    let i = e / LINES;
    let j = e % LINES;
    let entry = record[record_at + kept_entries + min(i, N - 1u) * M + min(j, M - 1u)];
    matrix[matrix_at + e] = select(0.0, entry, i < N && j < M);
  }
  // Sums of iterations t and t - 1.
  let newest = max(done, 1u);
  var sum = kept_columns(newest);
  var sum_before = kept_columns(newest - 1u);
  let last = column_scaling(sum, newest);
  of_columns[invocation] = vec4<f32>(last, column_scaling(sum_before, newest - 1u));
  workgroupBarrier();
  row_0 = line(rows_at, 1u);
  row_1 = line(rows_at + LINES, 1u);
  column_0 = line(columns_at, LINES);
  column_1 = line(columns_at + 1u, LINES);
  let before = column_seconds();
  let alpha_last = scaling(row_mass, filled(vec2<f32>(product(row_0, before), product(row_1, before))), row_offset);
  of_rows[invocation] = alpha_last;
  workgroupBarrier();
  for (var e = lane; e < LINES * LINES; e += LANES) {
    let i = e / LINES;
    let j = e % LINES;
    let slope = dplan[problem * N * M + min(i, N - 1u) * M + min(j, M - 1u)];
    matrix[matrix_at + e] = select(0.0, slope, i < N && j < M);
  }
  workgroupBarrier();
  let lasts = column_firsts();
  change_0 = scaled(line(rows_at, 1u), lasts, alpha_last.x);
  change_1 = scaled(line(rows_at + LINES, 1u), lasts, alpha_last.y);
  // Only the last iteration's u is used by the plan: p is 0 in all others.
  var p = vec2<f32>(product(row_0, change_0), product(row_1, change_1));
  let alphas = row_values();
  var q = last * vec2<f32>(
    product(column_0, scaled(line(columns_at, LINES), alphas, 1.0)),
    product(column_1, scaled(line(columns_at + 1u, LINES), alphas, 1.0)),
  );
  // Sums over iterations: dlog a and dlog b.
  var row_slope = vec2<f32>();
  var column_slope = vec2<f32>();
  workgroupBarrier();

  for (var back = 0u; back < params.iterations; back++) {
    let t = params.iterations - back;
    let running = t <= done;
    if (!RELAXED && back > 0u && back % BALANCE_EVERY == 0u) {
      remainders[invocation] = vec2<f32>(q.x + q.y, column_mass.x + column_mass.y);
      workgroupBarrier();
      var sums = vec2<f32>();
      for (var k = 0u; k < LANES; k++) {
        sums += remainders[first_lane + k];
      }
      // The first step of a problem still has a sum.
      q -= column_mass * select(0.0, sums.x / max(sums.y, 1e-37), t < done);
    }
    var beta = vec2<f32>();
    // Read an iteration ahead, so that it has arrived when its turn comes.
    var sum_next = vec2<f32>();
    if (running) {
      sum_next = kept_columns(max(t, 2u) - 2u);
      beta = column_scaling(sum_before, t - 1u);
      let flow = q * params.lambda;
      column_slope += flow;
      of_columns[invocation] = vec4<f32>(-flow / sum, beta);
    }
    workgroupBarrier();
    if (running) {
      let g = column_firsts();
      let scalings = column_seconds();
      let s = filled(vec2<f32>(product(row_0, scalings), product(row_1, scalings)));
      let alpha = scaling(row_mass, s, row_offset);
      let flow = (p + alpha * vec2<f32>(product(row_0, g), product(row_1, g))) * params.lambda;
      row_slope += flow;
      let f = -flow / s;
      of_rows[invocation] = f;
      change_0 = changed(change_0, alpha.x, g, f.x, scalings);
      change_1 = changed(change_1, alpha.y, g, f.y, scalings);
      p = vec2<f32>();
    }
    workgroupBarrier();
    if (running) {
      let f = row_values();
      q = beta * vec2<f32>(product(column_0, f), product(column_1, f));
      sum = sum_before;
      sum_before = sum_next;
    }
  }

  put_products(rows_at, row_0, change_0);
  put_products(rows_at + LINES, row_1, change_1);
  workgroupBarrier();
  if (!exists) {
    return;
  }
  for (var e = lane; e < N * M; e += LANES) {
    dcost[problem * N * M + e] = matrix[matrix_at + e / M * LINES + e % M] * -params.inverse_epsilon;
  }
  for (var k = 0u; k < 2u; k++) {
    if (mine + k < N) {
      let share = a[problem * N + mine + k];
      da[problem * N + mine + k] = select(0.0, row_slope[k] / max(share, 1e-37), share > 0.0);
    }
    if (mine + k < M) {
      let share = b[problem * M + mine + k];
      db[problem * M + mine + k] = select(0.0, column_slope[k] / max(share, 1e-37), share > 0.0);
    }
  }
}
