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
// Range: `span` adds up x + 1 / x of every sum x, and so tells whether all lay within e^-35 .. e^35. While they do, an
// entry that underflowed in A (below e^-87) has less than 1e-7 b_j of its row's mass, and the rest loses nothing. A
// problem that leaves the range is left with used = 0, and sinkhorn_thread_log.wgsl solves it.
//
//   cost [B, N, M]   prior [N, M] or [B, N, M] as in logits.wgsl (PRIOR)   a [B, N]   b [B, M]
//   plan [B, N, M]   residual [B]   used [B]: as in sinkhorn.wgsl
//   record, for the backward pass (KEEP; a placeholder otherwise): [workgroup][row][PROBLEMS], so that neighbours write
//   neighbouring numbers; its rows are
//     0                  iterations done, below 0 for a problem solved in the log domain
//     1 + t M + j        beta_j at first (t = 0), then S_j of iteration t
//     1 + (T + 1) M + e  A_e, then N times r and M times c (RELAXED)
//
// Registers: A is 4 x 4 blocks of 4 x 4, and a vector over rows or columns the four columns of a mat4x4. Both are only
// ever indexed by what a compiler knows (I and J are literals in the end wherever they index), because a thread's registers
// have no address; blocks past N or M are never touched. There is no branch in the loop over iterations: a software adapter
// takes both sides. Costs are read once, and their logits kept. What is stored at the end is in a loop over blocks, which
// selects its place: written out, as the rest is, it would take a software adapter a third longer to compile.
//
// Dispatch: one thread per problem, PROBLEMS per workgroup; workgroups spill from x into y.

const N: u32 = 12u;
const M: u32 = 12u;
const PROBLEMS: u32 = 32u;
const PRIOR: bool = false;
const RELAXED: bool = false;
const KEEP: bool = true;

// Blocks that are used.
const ROW_BLOCKS: u32 = (N + 3u) / 4u;
const COLUMN_BLOCKS: u32 = (M + 3u) / 4u;
const DEAD: f32 = -1e30;
// e^35.
const HIGHEST: f32 = 1.58e15;

// Up to 16 numbers, of rows or of columns.
alias Vector = mat4x4<f32>;

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

// Block 4 I + J holds the rows 4 I .. and the columns 4 J .. of A. A column of it lies in a vector.
var<private> blocks: array<mat4x4<f32>, 16>;
// hi and lo of K of each block, until A takes their place.
var<private> highs: array<mat4x4<f32>, 16>;
var<private> lows: array<mat4x4<f32>, 16>;
var<private> row_mass: Vector;
var<private> column_mass: Vector;
// r and c.
var<private> row_offset: Vector;
var<private> column_offset: Vector;
// Added to sums: 1 where a row or column is empty, that is, where mass could go nowhere; otherwise what keeps it from 0.
var<private> row_floor: Vector;
var<private> column_floor: Vector;
var<private> span: vec4<f32>;
var<private> problem: u32;
var<private> record_at: u32;

// K of rows i .. i + 3 of a column.
struct Logits {
  hi: vec4<f32>,
  lo: vec4<f32>,
}

fn four(first: u32) -> vec4<u32> {
  return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}

fn grid(x: vec4<f32>) -> vec4<f32> {
  return round(x * 1024.0) * 0.0009765625;
}

// Costs of rows i .. i + 3 of a column; past the edges, of what is forbidden.
fn four_costs(i: u32, j: u32) -> vec4<f32> {
  let at = min(four(i), vec4<u32>(N - 1u)) * M + problem * N * M + min(j, M - 1u);
  let inside = four(i) < vec4<u32>(select(0u, N, j < M));
  return select(vec4<f32>(-DEAD), vec4<f32>(cost[at.x], cost[at.y], cost[at.z], cost[at.w]), inside);
}

// K of rows i .. i + 3 of column j from costs c, as sums hi + lo, see logits.wgsl; hi is DEAD where transport is forbidden.
fn logits(c: vec4<f32>, i: u32, j: u32) -> Logits {
  let twelve_bits = bitcast<vec4u>(c) & vec4<u32>(0xfffff000u);
  let c_high = bitcast<vec4f>(twelve_bits);
  let c_low = c - c_high;
  let product = -c_high * params.inverse_high;
  let rest = -(c_high * params.inverse_low + c_low * params.inverse_high + c_low * params.inverse_low);
  var hi = grid(product + rest);
  var lo = (product - hi) + rest;
  var forbidden = c >= vec4<f32>(-DEAD);
  if (PRIOR) {
    let at = (min(four(i), vec4<u32>(N - 1u)) * M + problem * N * M + min(j, M - 1u)) % params.period;
    let weight = vec4<f32>(prior[at.x], prior[at.y], prior[at.z], prior[at.w]);
    let log_weight = log(max(weight, vec4<f32>(1e-37)));
    let log_high = grid(log_weight);
    hi += log_high;
    lo += log_weight - log_high;
    forbidden = forbidden | (weight <= vec4<f32>());
  }
  return Logits(select(hi, vec4<f32>(DEAD), forbidden), select(lo, vec4<f32>(), forbidden));
}

// exp(hi + lo) for hi <= 0, as 2^k exp(rest): an exponential alone has an error that grows with its argument. Zero where it underflows.
fn exponential(hi: vec4<f32>, lo: vec4<f32>) -> vec4<f32> {
  let clipped = max(hi, vec4<f32>(-200.0));
  let k = round(clipped * 1.442695);
  // log 2 as 355 / 512, whose product with k is exact, and the rest.
  let rest = ((clipped - k * 0.693359375) + k * 2.1219444e-4) + lo;
  let power = vec4<u32>(max(vec4<i32>(k) + 127, vec4<i32>())) << vec4<u32>(23u);
  return exp(rest) * bitcast<vec4f>(power);
}

// K of a block, hi and lo; r is the largest hi of a row.
fn load_block(I: u32, J: u32) {
  let i = 4u * I;
  let j = 4u * J;
  let k0 = logits(four_costs(i, j), i, j);
  let k1 = logits(four_costs(i, j + 1u), i, j + 1u);
  let k2 = logits(four_costs(i, j + 2u), i, j + 2u);
  let k3 = logits(four_costs(i, j + 3u), i, j + 3u);
  highs[4u * I + J] = mat4x4<f32>(k0.hi, k1.hi, k2.hi, k3.hi);
  lows[4u * I + J] = mat4x4<f32>(k0.lo, k1.lo, k2.lo, k3.lo);
  row_offset[I] = max(row_offset[I], max(max(k0.hi, k1.hi), max(k2.hi, k3.hi)));
}

// The same of all rows.
fn load_blocks(J: u32) {
  load_block(0u, J);
  if (ROW_BLOCKS > 1u) { load_block(1u, J); }
  if (ROW_BLOCKS > 2u) { load_block(2u, J); }
  if (ROW_BLOCKS > 3u) { load_block(3u, J); }
}

fn largest(x: mat4x4<f32>) -> vec4<f32> {
  return max(max(x[0], x[1]), max(x[2], x[3]));
}

// What stands in a vector at a place that the compiler does not know.
fn picked(x: Vector, at: u32) -> vec4<f32> {
  return select(select(x[0], x[1], at == 1u), select(x[2], x[3], at == 3u), at > 1u);
}

// The same for blocks of A, in the rows 4 I ..
fn pick_in_row(I: u32, J: u32) -> mat4x4<f32> {
  var x = blocks[4u * I];
  if (COLUMN_BLOCKS > 1u) { if (J == 1u) { x = blocks[4u * I + 1u]; } }
  if (COLUMN_BLOCKS > 2u) { if (J == 2u) { x = blocks[4u * I + 2u]; } }
  if (COLUMN_BLOCKS > 3u) { if (J == 3u) { x = blocks[4u * I + 3u]; } }
  return x;
}

fn pick_block(I: u32, J: u32) -> mat4x4<f32> {
  var x = pick_in_row(0u, J);
  if (ROW_BLOCKS > 1u) { if (I == 1u) { x = pick_in_row(1u, J); } }
  if (ROW_BLOCKS > 2u) { if (I == 2u) { x = pick_in_row(2u, J); } }
  if (ROW_BLOCKS > 3u) { if (I == 3u) { x = pick_in_row(3u, J); } }
  return x;
}

// Masses, offset and floor of the rows 4 I .., from their largest K.
fn load_rows(I: u32) {
  let empty = row_offset[I] < vec4<f32>(0.5 * DEAD);
  row_offset[I] = select(row_offset[I], vec4<f32>(), empty);
  row_floor[I] = select(vec4<f32>(1e-36), vec4<f32>(1.0), empty);
  let rows = four(4u * I);
  let at = min(rows, vec4<u32>(N - 1u)) + problem * N;
  row_mass[I] = select(vec4<f32>(), max(vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]), vec4<f32>()), rows < vec4<u32>(N));
}

// The largest hi - r of each column of a block.
fn column_highest(I: u32, J: u32) -> vec4<f32> {
  let r = row_offset[I];
  return largest(transpose(highs[4u * I + J] - mat4x4<f32>(r, r, r, r)));
}

// A of a block, with the offsets of its columns.
fn fill_block(I: u32, J: u32, offset: vec4<f32>) {
  let r = row_offset[I];
  let hi = highs[4u * I + J];
  let lo = lows[4u * I + J];
  blocks[4u * I + J] = mat4x4<f32>(
    exponential((hi[0] - r) - vec4<f32>(offset.x), lo[0]),
    exponential((hi[1] - r) - vec4<f32>(offset.y), lo[1]),
    exponential((hi[2] - r) - vec4<f32>(offset.z), lo[2]),
    exponential((hi[3] - r) - vec4<f32>(offset.w), lo[3]),
  );
}

// Masses, offset, floor and entries of the columns 4 J ..; gives beta at first.
fn load_columns(J: u32) -> vec4<f32> {
  var highest = column_highest(0u, J);
  if (ROW_BLOCKS > 1u) { highest = max(highest, column_highest(1u, J)); }
  if (ROW_BLOCKS > 2u) { highest = max(highest, column_highest(2u, J)); }
  if (ROW_BLOCKS > 3u) { highest = max(highest, column_highest(3u, J)); }
  let empty = highest < vec4<f32>(0.5 * DEAD);
  let offset = select(highest, vec4<f32>(), empty);
  let least = select(vec4<f32>(1e-36), vec4<f32>(1.0), empty);
  column_offset[J] = offset;
  column_floor[J] = least;
  let columns = four(4u * J);
  let at = min(columns, vec4<u32>(M - 1u)) + problem * M;
  column_mass[J] = select(vec4<f32>(), max(vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]), vec4<f32>()), columns < vec4<u32>(M));
  fill_block(0u, J, offset);
  if (ROW_BLOCKS > 1u) { fill_block(1u, J, offset); }
  if (ROW_BLOCKS > 2u) { fill_block(2u, J, offset); }
  if (ROW_BLOCKS > 3u) { fill_block(3u, J, offset); }
  let beta = exponential(highest, vec4<f32>());
  // beta at first counts as a sum: what is small in it is as far out of range.
  span += 1.0 / (beta + least);
  keep_columns(J, 0u, beta);
  return beta;
}

// A beta of the rows 4 I ..
fn row_sums(I: u32, beta: Vector) -> vec4<f32> {
  var y = blocks[4u * I] * beta[0];
  if (COLUMN_BLOCKS > 1u) { y += blocks[4u * I + 1u] * beta[1]; }
  if (COLUMN_BLOCKS > 2u) { y += blocks[4u * I + 2u] * beta[2]; }
  if (COLUMN_BLOCKS > 3u) { y += blocks[4u * I + 3u] * beta[3]; }
  return y;
}

// A^T alpha of the columns 4 J ..
fn column_sums(J: u32, alpha: Vector) -> vec4<f32> {
  var y = alpha[0] * blocks[J];
  if (ROW_BLOCKS > 1u) { y += alpha[1] * blocks[J + 4u]; }
  if (ROW_BLOCKS > 2u) { y += alpha[2] * blocks[J + 8u]; }
  if (ROW_BLOCKS > 3u) { y += alpha[3] * blocks[J + 12u]; }
  return y;
}

// mass / sum, or with relaxed marginals what comes to the same as a power of it.
fn scaling(mass: vec4<f32>, sum: vec4<f32>, offset: vec4<f32>) -> vec4<f32> {
  var divisor = sum;
  if (RELAXED) {
    let hard = log(max(mass, vec4<f32>(1e-37))) - log(sum) - offset;
    divisor *= exp(params.relaxation * select(vec4<f32>(), hard, mass > vec4<f32>()));
  }
  let inverse = 1.0 / divisor;
  span += divisor + inverse;
  return mass * inverse;
}

fn update_rows(I: u32, beta: Vector) -> vec4<f32> {
  return scaling(row_mass[I], row_sums(I, beta) + row_floor[I], row_offset[I]);
}

fn update_columns(J: u32, alpha: Vector, t: u32) -> vec4<f32> {
  let sums = column_sums(J, alpha) + column_floor[J];
  keep_columns(J, t, sums);
  return scaling(column_mass[J], sums, column_offset[J]);
}

// sum |target - alpha s| of the rows 4 I ..; see residual in sinkhorn.wgsl.
fn missed(I: u32, alpha: vec4<f32>, beta: Vector) -> f32 {
  let mass = row_mass[I];
  var wanted = mass;
  if (RELAXED) {
    let potential = log(max(alpha, vec4<f32>(1e-37))) - row_offset[I];
    // A row that cannot send its mass anywhere misses all of it.
    wanted = select(mass, mass * exp(-potential * params.excess), (mass > vec4<f32>()) & (row_floor[I] < vec4<f32>(1.0)));
  }
  let rest = abs(wanted - alpha * row_sums(I, beta));
  return (rest.x + rest.y) + (rest.z + rest.w);
}

fn keep(row: u32, value: f32) {
  if (KEEP) { record[record_at + row * PROBLEMS] = value; }
}

fn keep_columns(J: u32, t: u32, x: vec4<f32>) {
  let row = 1u + t * M + 4u * J;
  keep(row, x.x);
  if (4u * J + 1u < M) { keep(row + 1u, x.y); }
  if (4u * J + 2u < M) { keep(row + 2u, x.z); }
  if (4u * J + 3u < M) { keep(row + 3u, x.w); }
}

fn store_entry(i: u32, j: u32, entry: f32, share: f32) {
  if (i < N && j < M) {
    plan[problem * N * M + i * M + j] = share;
    keep(1u + (params.iterations + 1u) * M + i * M + j, entry);
  }
}

fn store_entries(i: u32, j: u32, entry: vec4<f32>, scalings: vec4<f32>) {
  let share = entry * scalings;
  store_entry(i, j, entry.x, share.x);
  store_entry(i + 1u, j, entry.y, share.y);
  store_entry(i + 2u, j, entry.z, share.z);
  store_entry(i + 3u, j, entry.w, share.w);
}

fn store_block(I: u32, J: u32, alpha: vec4<f32>, beta: vec4<f32>) {
  let tile = pick_block(I, J);
  store_entries(4u * I, 4u * J, tile[0], alpha * beta.x);
  store_entries(4u * I, 4u * J + 1u, tile[1], alpha * beta.y);
  store_entries(4u * I, 4u * J + 2u, tile[2], alpha * beta.z);
  store_entries(4u * I, 4u * J + 3u, tile[3], alpha * beta.w);
}

fn keep_offsets(first: u32, count: u32, x: Vector) {
  for (var k = 0u; k < count; k++) {
    keep(first + k, x[k / 4u][k % 4u]);
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
  let kept_entries = 1u + (params.iterations + 1u) * M;
  record_at = group * PROBLEMS * (kept_entries + 2u * N * M + N + M) + lane;

  let lowest = vec4<f32>(DEAD);
  row_offset = Vector(lowest, lowest, lowest, lowest);
  load_blocks(0u);
  if (COLUMN_BLOCKS > 1u) { load_blocks(1u); }
  if (COLUMN_BLOCKS > 2u) { load_blocks(2u); }
  if (COLUMN_BLOCKS > 3u) { load_blocks(3u); }
  load_rows(0u);
  if (ROW_BLOCKS > 1u) { load_rows(1u); }
  if (ROW_BLOCKS > 2u) { load_rows(2u); }
  if (ROW_BLOCKS > 3u) { load_rows(3u); }
  var beta = Vector();
  beta[0] = load_columns(0u);
  if (COLUMN_BLOCKS > 1u) { beta[1] = load_columns(1u); }
  if (COLUMN_BLOCKS > 2u) { beta[2] = load_columns(2u); }
  if (COLUMN_BLOCKS > 3u) { beta[3] = load_columns(3u); }

  var alpha = Vector();
  var miss = 0.0;
  var t = 0u;
  loop {
    // Iterations until the residual is looked at.
    let until = select(params.iterations, min(t + params.check_every, params.iterations), params.tolerance > 0.0);
    while (t < until) {
      t++;
      alpha[0] = update_rows(0u, beta);
      if (ROW_BLOCKS > 1u) { alpha[1] = update_rows(1u, beta); }
      if (ROW_BLOCKS > 2u) { alpha[2] = update_rows(2u, beta); }
      if (ROW_BLOCKS > 3u) { alpha[3] = update_rows(3u, beta); }
      beta[0] = update_columns(0u, alpha, t);
      if (COLUMN_BLOCKS > 1u) { beta[1] = update_columns(1u, alpha, t); }
      if (COLUMN_BLOCKS > 2u) { beta[2] = update_columns(2u, alpha, t); }
      if (COLUMN_BLOCKS > 3u) { beta[3] = update_columns(3u, alpha, t); }
    }
    miss = missed(0u, alpha[0], beta);
    if (ROW_BLOCKS > 1u) { miss += missed(1u, alpha[1], beta); }
    if (ROW_BLOCKS > 2u) { miss += missed(2u, alpha[2], beta); }
    if (ROW_BLOCKS > 3u) { miss += missed(3u, alpha[3], beta); }
    if (miss < params.tolerance || t == params.iterations) {
      break;
    }
  }

  // As integers, what is not a number is large too.
  let safe = bitcast<u32>((span.x + span.y) + (span.z + span.w)) <= bitcast<u32>(HIGHEST);
  residual[problem] = miss;
  used[problem] = select(0u, t, safe);
  keep(0u, f32(t));
  for (var tile = 0u; tile < ROW_BLOCKS * COLUMN_BLOCKS; tile++) {
    let I = tile / COLUMN_BLOCKS;
    let J = tile % COLUMN_BLOCKS;
    store_block(I, J, picked(alpha, I), picked(beta, J));
  }
  if (RELAXED) {
    keep_offsets(kept_entries + N * M, N, row_offset);
    keep_offsets(kept_entries + N * M + N, M, column_offset);
  }
}
