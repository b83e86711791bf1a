// Batched entropic optimal transport of small problems (up to 16 x 16), several lanes to a problem and several problems to
// a workgroup: all iterations in one launch. The iterates are those of sinkhorn_thread.wgsl, with its A, r and c, range and
// results:
//
//   s = A beta,  alpha = a / s;   S = A^T alpha,  beta = b / S;   plan_ij = alpha_i A_ij beta_j;   beta = exp(c) at first
//
// A lane has two rows of A and two columns, both in its registers. So no sum is shared: a lane reads the scalings of the
// other side from workgroup memory (all lanes of a problem the same, half a number for a multiply-add), adds up both of
// its rows, or columns, and writes two scalings. That is two barriers to an iteration. Problems of one workgroup go in
// step; one that has stopped leaves its scalings as they are until the others have.
//
//   cost, prior, a, b, plan, residual, used as in sinkhorn_thread.wgsl
//   record, for the backward pass (KEEP; a placeholder otherwise): [problem][row], rows as there
//
// A problem that leaves the range of scalings gets used = 0, and the next launch, sinkhorn_thread_log.wgsl, solves it.
//
// Registers: four lines of up to 16 numbers, indexed by literals only. A is made in workgroup memory, where any lane
// can find any entry.
// Dispatch: SLOTS problems per workgroup, 2 BLOCKS lanes each; workgroups spill from x into y.

const N: u32 = 12u;
const M: u32 = 12u;
// Four rows or columns each; as many as the longer side needs.
const BLOCKS: u32 = 3u;
const SLOTS: u32 = 5u;
const PRIOR: bool = false;
const RELAXED: bool = false;
const KEEP: bool = true;

// Rows, and columns, with those past the edges.
const LINES: u32 = 4u * BLOCKS;
const LANES: u32 = 2u * BLOCKS;
const INVOCATIONS: u32 = LANES * SLOTS;
const DEAD: f32 = -1e30;
// e^35.
const HIGHEST: f32 = 1.58e15;

// Up to 16 numbers, of rows or of columns, in its four columns.
alias Line = mat4x4<f32>;

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

// Of every problem, hi of K at first, then A; DEAD, then 0, past the edges.
var<workgroup> matrix: array<f32, SLOTS * LINES * LINES>;
// alpha and beta of two lines for each lane; r and c until there are any.
var<workgroup> of_rows: array<vec2<f32>, INVOCATIONS>;
var<workgroup> of_columns: array<vec2<f32>, INVOCATIONS>;
// What the rows of a lane miss, and the lane's span.
var<workgroup> parts: array<vec2<f32>, INVOCATIONS>;

var<private> row_0: Line;
var<private> row_1: Line;
var<private> column_0: Line;
var<private> column_1: Line;
var<private> row_mass: vec2<f32>;
var<private> column_mass: vec2<f32>;
// r and c.
var<private> row_offset: vec2<f32>;
var<private> column_offset: vec2<f32>;
// Added to sums: 1 where a row or column is empty, that is, where mass could go nowhere; otherwise what keeps it from 0.
var<private> row_floor: vec2<f32>;
var<private> column_floor: vec2<f32>;
var<private> span: vec2<f32>;
var<private> problem: u32;
var<private> exists: bool;
var<private> record_at: u32;
// The first lane of the problem in the workgroup's arrays, and its first entry.
var<private> first_lane: u32;
var<private> matrix_at: u32;

fn grid(x: f32) -> f32 {
  return round(x * 1024.0) * 0.0009765625;
}

// K of an entry as a sum (hi, lo), see logits.wgsl; hi is DEAD where transport is forbidden, and past the edges.
fn logit(i: u32, j: u32) -> vec2<f32> {
  let at = problem * N * M + min(i, N - 1u) * M + min(j, M - 1u);
  let c = cost[at];
  let c_high = bitcast<f32>(bitcast<u32>(c) & 0xfffff000u);
  let c_low = c - c_high;
  let product = -c_high * params.inverse_high;
  let rest = -(c_high * params.inverse_low + c_low * params.inverse_high + c_low * params.inverse_low);
  var hi = grid(product + rest);
  var lo = (product - hi) + rest;
  var forbidden = c >= -DEAD || i >= N || j >= M;
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

// exp(hi + lo) for hi <= 0, see sinkhorn_thread.wgsl.
fn exponential(hi: f32, lo: f32) -> f32 {
  let clipped = max(hi, -200.0);
  let k = round(clipped * 1.442695);
  // log 2 as 355 / 512, whose product with k is exact, and the rest.
  let rest = ((clipped - k * 0.693359375) + k * 2.1219444e-4) + lo;
  return exp(rest) * bitcast<f32>(u32(max(i32(k) + 127, 0)) << 23u);
}

// A number of the problem's rows, or columns, from workgroup memory.
fn of_row(i: u32) -> f32 {
  return of_rows[first_lane + i / 2u][i % 2u];
}

fn of_column(j: u32) -> f32 {
  return of_columns[first_lane + j / 2u][j % 2u];
}

// A row or a column of A.
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

fn alphas() -> Line {
  let at = first_lane;
  var x = Line();
  x[0] = vec4<f32>(of_rows[at], of_rows[at + 1u]);
  if (BLOCKS > 1u) { x[1] = vec4<f32>(of_rows[at + 2u], of_rows[at + 3u]); }
  if (BLOCKS > 2u) { x[2] = vec4<f32>(of_rows[at + 4u], of_rows[at + 5u]); }
  if (BLOCKS > 3u) { x[3] = vec4<f32>(of_rows[at + 6u], of_rows[at + 7u]); }
  return x;
}

fn betas() -> Line {
  let at = first_lane;
  var x = Line();
  x[0] = vec4<f32>(of_columns[at], of_columns[at + 1u]);
  if (BLOCKS > 1u) { x[1] = vec4<f32>(of_columns[at + 2u], of_columns[at + 3u]); }
  if (BLOCKS > 2u) { x[2] = vec4<f32>(of_columns[at + 4u], of_columns[at + 5u]); }
  if (BLOCKS > 3u) { x[3] = vec4<f32>(of_columns[at + 6u], of_columns[at + 7u]); }
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

// mass / sum, or with relaxed marginals what comes to the same as a power of it.
fn scaling(mass: vec2<f32>, sum: vec2<f32>, offset: vec2<f32>) -> vec2<f32> {
  var divisor = sum;
  if (RELAXED) {
    let hard = log(max(mass, vec2<f32>(1e-37))) - log(sum) - offset;
    divisor *= exp(params.relaxation * select(vec2<f32>(), hard, mass > vec2<f32>()));
  }
  let inverse = 1.0 / divisor;
  span += divisor + inverse;
  return mass * inverse;
}

// sum |target - alpha s| of the lane's rows; see residual in sinkhorn.wgsl.
fn missed(alpha: vec2<f32>) -> f32 {
  var wanted = row_mass;
  if (RELAXED) {
    let potential = log(max(alpha, vec2<f32>(1e-37))) - row_offset;
    // A row that cannot send its mass anywhere misses all of it.
    let sends = (row_mass > vec2<f32>()) & (row_floor < vec2<f32>(1.0));
    wanted = select(row_mass, row_mass * exp(-potential * params.excess), sends);
  }
  let beta = betas();
  let rest = abs(wanted - alpha * vec2<f32>(product(row_0, beta), product(row_1, beta)));
  return rest.x + rest.y;
}

fn keep(row: u32, value: f32) {
  if (KEEP && exists) { record[record_at + row] = value; }
}

// Numbers i and i + 1 of `count`.
fn keep_two(row: u32, i: u32, count: u32, x: vec2<f32>) {
  if (i < count) { keep(row + i, x.x); }
  if (i + 1u < count) { keep(row + i + 1u, x.y); }
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
  // Slots without a problem do the last one's work and store nothing.
  exists = index < params.problems;
  problem = min(index, params.problems - 1u);
  first_lane = slot * LANES;
  matrix_at = slot * LINES * LINES;
  let kept_entries = 1u + (params.iterations + 1u) * M;
  record_at = problem * (kept_entries + 2u * N * M + N + M);
  // The lane's rows, and columns, are this and the next.
  let mine = 2u * lane;
  let rows_at = matrix_at + mine * LINES;
  let columns_at = matrix_at + mine;
  let here = vec2<u32>(mine, mine + 1u);
  let row_masses = min(here, vec2<u32>(N - 1u)) + problem * N;
  let column_masses = min(here, vec2<u32>(M - 1u)) + problem * M;
  row_mass = select(vec2<f32>(), max(vec2<f32>(a[row_masses.x], a[row_masses.y]), vec2<f32>()), here < vec2<u32>(N));
  column_mass = select(vec2<f32>(), max(vec2<f32>(b[column_masses.x], b[column_masses.y]), vec2<f32>()), here < vec2<u32>(M));

  for (var e = lane; e < LINES * LINES; e += LANES) {
    matrix[matrix_at + e] = logit(e / LINES, e % LINES).x;
  }
  workgroupBarrier();
  var highest = vec2<f32>(DEAD);
  for (var j = 0u; j < LINES; j++) {
    highest = max(highest, vec2<f32>(matrix[rows_at + j], matrix[rows_at + LINES + j]));
  }
  var empty = highest < vec2<f32>(0.5 * DEAD);
  row_offset = select(highest, vec2<f32>(), empty);
  row_floor = select(vec2<f32>(1e-36), vec2<f32>(1.0), empty);
  of_rows[invocation] = row_offset;
  workgroupBarrier();
  highest = vec2<f32>(DEAD);
  for (var i = 0u; i < LINES; i++) {
    highest = max(highest, vec2<f32>(matrix[columns_at + i * LINES], matrix[columns_at + i * LINES + 1u]) - vec2<f32>(of_row(i)));
  }
  empty = highest < vec2<f32>(0.5 * DEAD);
  column_offset = select(highest, vec2<f32>(), empty);
  column_floor = select(vec2<f32>(1e-36), vec2<f32>(1.0), empty);
  of_columns[invocation] = column_offset;
  workgroupBarrier();
  for (var e = lane; e < LINES * LINES; e += LANES) {
    let i = e / LINES;
    let j = e % LINES;
    let k = logit(i, j);
    matrix[matrix_at + e] = exponential((k.x - of_row(i)) - of_column(j), k.y);
  }
  workgroupBarrier();
  row_0 = line(rows_at, 1u);
  row_1 = line(rows_at + LINES, 1u);
  column_0 = line(columns_at, LINES);
  column_1 = line(columns_at + 1u, LINES);
  let first = vec2<f32>(exponential(highest.x, 0.0), exponential(highest.y, 0.0));
  // beta at first counts as a sum: what is small in it is as far out of range.
  span = 1.0 / (first + column_floor);
  keep_two(1u, mine, M, first);
  of_columns[invocation] = first;
  workgroupBarrier();

  var alpha = vec2<f32>();
  var running = true;
  var done = 0u;
  // What the problem misses, and its span.
  var sums = vec2<f32>();
  for (var t = 1u; t <= params.iterations; t++) {
    if (running) {
      let beta = betas();
      alpha = scaling(row_mass, vec2<f32>(product(row_0, beta), product(row_1, beta)) + row_floor, row_offset);
      of_rows[invocation] = alpha;
    }
    workgroupBarrier();
    if (running) {
      let scalings = alphas();
      let sum = vec2<f32>(product(column_0, scalings), product(column_1, scalings)) + column_floor;
      keep_two(1u + t * M, mine, M, sum);
      of_columns[invocation] = scaling(column_mass, sum, column_offset);
    }
    workgroupBarrier();
    if ((params.tolerance > 0.0 && t % params.check_every == 0u) || t == params.iterations) {
      parts[invocation] = vec2<f32>(missed(alpha), span.x + span.y);
      workgroupBarrier();
      // No barrier after this: two follow before parts are written again.
      if (running) {
        done = t;
        sums = vec2<f32>();
        for (var k = 0u; k < LANES; k++) {
          sums += parts[first_lane + k];
        }
        running = !(sums.x < params.tolerance);
      }
    }
  }

  if (!exists) {
    return;
  }
  for (var e = lane; e < N * M; e += LANES) {
    let i = e / M;
    let j = e % M;
    let entry = matrix[matrix_at + i * LINES + j];
    plan[problem * N * M + e] = entry * (of_row(i) * of_column(j));
    keep(kept_entries + e, entry);
  }
  if (RELAXED) {
    keep_two(kept_entries + N * M, mine, N, row_offset);
    keep_two(kept_entries + N * M + N, mine, M, column_offset);
  }
  if (lane == 0u) {
    // As integers, what is not a number is large too.
    let safe = bitcast<u32>(sums.y) <= bitcast<u32>(HIGHEST);
    residual[problem] = sums.x;
    used[problem] = select(0u, done, safe);
    keep(0u, f32(done));
  }
}
