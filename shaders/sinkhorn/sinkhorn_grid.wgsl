// Batched entropic optimal transport, a problem to a grid of lanes: all iterations in one launch, with the matrix in registers.
// The iterates are those of sinkhorn.wgsl in the scaling form of sinkhorn_thread.wgsl:
//
//   s = A beta,  alpha = a / s;   S = A^T alpha,  beta = b / S;   plan_ij = alpha_i A_ij beta_j;   beta = exp(c) at first
//
// with A of matrix.wgsl. Each lane has a tile of A, and sums of rows and columns go through workgroup memory: every lane
// adds up the parts of its rows (or columns) in the same order, so that none has to wait for another to do it.
//
// Range: as in sinkhorn_thread.wgsl a problem of which a sum leaves e^-35 .. e^35 is left with used = 0, and the next launch,
// sinkhorn.wgsl, solves it in the log domain.
//
//   plan [B, N, M]: A at first   a [B, N]   b [B, M]   lines [B, N + M]: offsets r and c, see offsets.wgsl
//   residual, used as in sinkhorn.wgsl   history as in tiled_update.wgsl; its element 0 becomes (iterations done, 0)
//
// What iteration t misses is seen in the sums of rows of iteration t + 1, so that there is one more of them, of which
// nothing else is kept.
//
// Registers: A is blocks of 4 x 4 as in sinkhorn_thread.wgsl, indexed by literals only.
// Dispatch: one workgroup per problem; workgroups spill from x into y.

const N: u32 = 24u;
const M: u32 = 24u;
// Lanes of a problem: GRID_ROWS x GRID_COLUMNS, each with ROW_BLOCKS x COLUMN_BLOCKS blocks of 4 x 4 entries.
const GRID_ROWS: u32 = 2u;
const GRID_COLUMNS: u32 = 2u;
const ROW_BLOCKS: u32 = 3u;
const COLUMN_BLOCKS: u32 = 3u;
const RELAXED: bool = false;
// Whether the history is kept for a backward pass; it may be a placeholder otherwise.
const KEEP: bool = true;

const LANES: u32 = GRID_ROWS * GRID_COLUMNS;
// Blocks of rows, and of columns, of the whole problem.
const ALL_ROWS: u32 = GRID_ROWS * ROW_BLOCKS;
const ALL_COLUMNS: u32 = GRID_COLUMNS * COLUMN_BLOCKS;
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
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> lines: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> plan: array<f32>;
@group(0) @binding(4) var<storage, read_write> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> used: array<u32>;
@group(0) @binding(6) var<storage, read_write> history: array<vec2<f32>>;
@group(0) @binding(7) var<uniform> params: Params;

// Parts of sums: of four rows at a time by the lanes beside each other, and of four columns by those below each other.
var<workgroup> row_parts: array<vec4<f32>, ALL_ROWS * GRID_COLUMNS>;
var<workgroup> column_parts: array<vec4<f32>, ALL_COLUMNS * GRID_ROWS>;
var<workgroup> miss_parts: array<f32, LANES>;
var<workgroup> span_parts: array<f32, LANES>;

// Block 4 I + J holds the rows 4 I .. and the columns 4 J .. of the tile. A column of it lies in a vector.
var<private> blocks: array<mat4x4<f32>, 16>;
var<private> row_mass: Vector;
var<private> column_mass: Vector;
// r and c, DEAD where there is no entry.
var<private> row_offset: Vector;
var<private> column_offset: Vector;
var<private> span: vec4<f32>;
var<private> problem: u32;
// First row and column of the tile, and its place.
var<private> row_at: u32;
var<private> column_at: u32;
var<private> grid_row: u32;
var<private> grid_column: u32;

fn four(first: u32) -> vec4<u32> {
  return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}

// Entries of rows i .. of column j; 0 past the edges.
fn four_entries(i: u32, j: u32) -> vec4<f32> {
  let at = (min(four(i), vec4<u32>(N - 1u)) + problem * N) * M + min(j, M - 1u);
  return select(vec4<f32>(), vec4<f32>(plan[at.x], plan[at.y], plan[at.z], plan[at.w]), four(i) < vec4<u32>(select(0u, N, j < M)));
}

// A vector with `part` at a place that the compiler does not know; and what is there.
fn placed(x: Vector, at: u32, part: vec4<f32>) -> Vector {
  return Vector(select(x[0], part, at == 0u), select(x[1], part, at == 1u), select(x[2], part, at == 2u), select(x[3], part, at == 3u));
}

fn picked(x: Vector, at: u32) -> vec4<f32> {
  return select(select(x[0], x[1], at == 1u), select(x[2], x[3], at == 3u), at > 1u);
}

// The same for blocks of A: at is 4 I + J.
fn place_block(at: u32, x: mat4x4<f32>) {
  if (at == 0u) { blocks[0] = x; }
  if (COLUMN_BLOCKS > 1u) { if (at == 1u) { blocks[1] = x; } }
  if (COLUMN_BLOCKS > 2u) { if (at == 2u) { blocks[2] = x; } }
  if (COLUMN_BLOCKS > 3u) { if (at == 3u) { blocks[3] = x; } }
  if (ROW_BLOCKS > 1u) { if (at == 4u) { blocks[4] = x; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { if (at == 5u) { blocks[5] = x; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { if (at == 6u) { blocks[6] = x; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { if (at == 7u) { blocks[7] = x; } }
  if (ROW_BLOCKS > 2u) { if (at == 8u) { blocks[8] = x; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { if (at == 9u) { blocks[9] = x; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { if (at == 10u) { blocks[10] = x; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { if (at == 11u) { blocks[11] = x; } }
  if (ROW_BLOCKS > 3u) { if (at == 12u) { blocks[12] = x; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { if (at == 13u) { blocks[13] = x; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { if (at == 14u) { blocks[14] = x; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { if (at == 15u) { blocks[15] = x; } }
}

fn pick_block(at: u32) -> mat4x4<f32> {
  var x = blocks[0];
  if (at == 0u) { x = blocks[0]; }
  if (COLUMN_BLOCKS > 1u) { if (at == 1u) { x = blocks[1]; } }
  if (COLUMN_BLOCKS > 2u) { if (at == 2u) { x = blocks[2]; } }
  if (COLUMN_BLOCKS > 3u) { if (at == 3u) { x = blocks[3]; } }
  if (ROW_BLOCKS > 1u) { if (at == 4u) { x = blocks[4]; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { if (at == 5u) { x = blocks[5]; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { if (at == 6u) { x = blocks[6]; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { if (at == 7u) { x = blocks[7]; } }
  if (ROW_BLOCKS > 2u) { if (at == 8u) { x = blocks[8]; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { if (at == 9u) { x = blocks[9]; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { if (at == 10u) { x = blocks[10]; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { if (at == 11u) { x = blocks[11]; } }
  if (ROW_BLOCKS > 3u) { if (at == 12u) { x = blocks[12]; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { if (at == 13u) { x = blocks[13]; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { if (at == 14u) { x = blocks[14]; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { if (at == 15u) { x = blocks[15]; } }
  return x;
}

fn load_block(I: u32, J: u32) {
  let i = row_at + 4u * I;
  let j = column_at + 4u * J;
  place_block(4u * I + J, mat4x4<f32>(four_entries(i, j), four_entries(i, j + 1u), four_entries(i, j + 2u), four_entries(i, j + 3u)));
}

// Offsets of four of a problem's lines; DEAD where there is none.
fn offsets(first: u32, i: u32, count: u32) -> vec4<f32> {
  let at = problem * (N + M) + first + min(four(i), vec4<u32>(count - 1u));
  return select(vec4<f32>(DEAD), vec4<f32>(lines[at.x].z, lines[at.y].z, lines[at.z].z, lines[at.w].z), four(i) < vec4<u32>(count));
}

fn load_rows(I: u32) {
  for (var J = 0u; J < COLUMN_BLOCKS; J++) {
    load_block(I, J);
  }
  let i = row_at + 4u * I;
  let at = min(four(i), vec4<u32>(N - 1u)) + problem * N;
  let mass = select(vec4<f32>(), max(vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]), vec4<f32>()), four(i) < vec4<u32>(N));
  row_mass = placed(row_mass, I, mass);
  row_offset = placed(row_offset, I, offsets(0u, i, N));
}

// Gives beta at first, which counts as a sum: what is small in it is as far out of range.
fn load_columns(J: u32) -> vec4<f32> {
  let j = column_at + 4u * J;
  let at = min(four(j), vec4<u32>(M - 1u)) + problem * M;
  let mass = select(vec4<f32>(), max(vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]), vec4<f32>()), four(j) < vec4<u32>(M));
  column_mass = placed(column_mass, J, mass);
  let offset = offsets(N, j, M);
  column_offset = placed(column_offset, J, offset);
  let beta = select(exp(offset), vec4<f32>(), offset < vec4<f32>(-87.0));
  span += 1.0 / (beta + floor_of(offset));
  return beta;
}

// Added to sums: 1 where a line is empty, that is, where mass could go nowhere; otherwise what keeps it from 0.
fn floor_of(offset: vec4<f32>) -> vec4<f32> {
  return select(vec4<f32>(1e-36), vec4<f32>(1.0), offset < vec4<f32>(0.5 * DEAD));
}

// A beta of the rows 4 I .., as far as the tile goes.
fn put_rows(I: u32, beta: Vector) {
  var y = blocks[4u * I] * beta[0];
  if (COLUMN_BLOCKS > 1u) { y += blocks[4u * I + 1u] * beta[1]; }
  if (COLUMN_BLOCKS > 2u) { y += blocks[4u * I + 2u] * beta[2]; }
  if (COLUMN_BLOCKS > 3u) { y += blocks[4u * I + 3u] * beta[3]; }
  row_parts[grid_column * ALL_ROWS + grid_row * ROW_BLOCKS + I] = y;
}

// A^T alpha of the columns 4 J .., as far as the tile goes.
fn put_columns(J: u32, alpha: Vector) {
  var y = alpha[0] * blocks[J];
  if (ROW_BLOCKS > 1u) { y += alpha[1] * blocks[J + 4u]; }
  if (ROW_BLOCKS > 2u) { y += alpha[2] * blocks[J + 8u]; }
  if (ROW_BLOCKS > 3u) { y += alpha[3] * blocks[J + 12u]; }
  column_parts[grid_row * ALL_COLUMNS + grid_column * COLUMN_BLOCKS + J] = y;
}

fn row_sum(I: u32) -> vec4<f32> {
  var y = floor_of(picked(row_offset, I));
  for (var k = 0u; k < GRID_COLUMNS; k++) {
    y += row_parts[k * ALL_ROWS + grid_row * ROW_BLOCKS + I];
  }
  return y;
}

fn column_sum(J: u32) -> vec4<f32> {
  var y = floor_of(picked(column_offset, J));
  for (var k = 0u; k < GRID_ROWS; k++) {
    y += column_parts[k * ALL_COLUMNS + grid_column * COLUMN_BLOCKS + J];
  }
  return y;
}

// What sums are divided by: with relaxed marginals it has a power of them besides.
fn divisor(mass: vec4<f32>, sum: vec4<f32>, offset: vec4<f32>) -> vec4<f32> {
  if (!RELAXED) {
    return sum;
  }
  let hard = log(max(mass, vec4<f32>(1e-37))) - log(sum) - offset;
  return sum * exp(params.relaxation * select(vec4<f32>(), hard, (mass > vec4<f32>()) & (offset > vec4<f32>(0.5 * DEAD))));
}

// sum |target - alpha s| of the rows 4 I ..; see residual in sinkhorn.wgsl.
fn missed(I: u32, alpha: vec4<f32>, sum: vec4<f32>) -> f32 {
  let mass = row_mass[I];
  var wanted = mass;
  if (RELAXED) {
    let potential = log(max(alpha, vec4<f32>(1e-37))) - row_offset[I];
    // A row that cannot send its mass anywhere misses all of it.
    wanted = select(mass, mass * exp(-potential * params.excess), (mass > vec4<f32>()) & (row_offset[I] > vec4<f32>(0.5 * DEAD)));
  }
  let share = select(alpha * sum, vec4<f32>(), row_offset[I] < vec4<f32>(0.5 * DEAD));
  let rest = abs(wanted - share);
  return (rest.x + rest.y) + (rest.z + rest.w);
}

fn keep(t: u32, first: u32, i: u32, count: u32, offset: vec4<f32>, sum: vec4<f32>) {
  if (!KEEP) { return; }
  let at = (problem * (params.iterations + 1u) + t) * (N + M) + first + i;
  for (var k = 0u; k < min(4u, max(count, i) - i); k++) {
    history[at + k] = vec2<f32>(offset[k], sum[k]);
  }
}

fn store_block(I: u32, J: u32, alpha: vec4<f32>, beta: vec4<f32>) {
  let tile = pick_block(4u * I + J);
  store_column(4u * I, 4u * J, tile[0] * alpha * beta.x);
  store_column(4u * I, 4u * J + 1u, tile[1] * alpha * beta.y);
  store_column(4u * I, 4u * J + 2u, tile[2] * alpha * beta.z);
  store_column(4u * I, 4u * J + 3u, tile[3] * alpha * beta.w);
}

fn store_column(tile_row: u32, tile_column: u32, x: vec4<f32>) {
  let i = row_at + tile_row;
  let j = column_at + tile_column;
  let at = (problem * N + i) * M + j;
  if (j < M && i < N) {
    plan[at] = x.x;
    if (i + 1u < N) { plan[at + M] = x.y; }
    if (i + 2u < N) { plan[at + 2u * M] = x.z; }
    if (i + 3u < N) { plan[at + 3u * M] = x.w; }
  }
}

// The next alpha of the rows 4 I .., or beta of the columns 4 J ..
fn scaled_rows(I: u32, sum: vec4<f32>) -> vec4<f32> {
  return row_mass[I] * (1.0 / divisor(row_mass[I], sum, row_offset[I]));
}

fn scaled_columns(J: u32, sum: vec4<f32>) -> vec4<f32> {
  return column_mass[J] * (1.0 / divisor(column_mass[J], sum, column_offset[J]));
}

fn widen(mass: vec4<f32>, sum: vec4<f32>, offset: vec4<f32>) {
  let x = divisor(mass, sum, offset);
  span += x + 1.0 / x;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group_id.x + group_id.y * group_counts.x;
  let exists = index < params.problems;
  problem = min(index, params.problems - 1u);
  grid_row = lane / GRID_COLUMNS;
  grid_column = lane % GRID_COLUMNS;
  row_at = grid_row * 4u * ROW_BLOCKS;
  column_at = grid_column * 4u * COLUMN_BLOCKS;
  for (var I = 0u; I < ROW_BLOCKS; I++) {
    load_rows(I);
  }
  var beta = Vector();
  for (var J = 0u; J < COLUMN_BLOCKS; J++) {
    let first = load_columns(J);
    beta = placed(beta, J, first);
    if (exists && grid_row == 0u) {
      keep(0u, N, column_at + J * 4u, M, vec4<f32>(), first);
    }
  }

  var alpha = Vector();
  var done = !exists;
  var iterations_done = 0u;
  var missing = 0.0;
  for (var t = 1u; t <= params.iterations + 1u; t++) {
    put_rows(0u, beta);
    if (ROW_BLOCKS > 1u) { put_rows(1u, beta); }
    if (ROW_BLOCKS > 2u) { put_rows(2u, beta); }
    if (ROW_BLOCKS > 3u) { put_rows(3u, beta); }
    workgroupBarrier();
    var s = Vector();
    var next_alpha = Vector();
    var miss = 0.0;
    for (var I = 0u; I < ROW_BLOCKS; I++) {
      s = placed(s, I, row_sum(I));
    }
    miss += missed(0u, alpha[0], s[0]); next_alpha[0] = scaled_rows(0u, s[0]);
    if (ROW_BLOCKS > 1u) { miss += missed(1u, alpha[1], s[1]); next_alpha[1] = scaled_rows(1u, s[1]); }
    if (ROW_BLOCKS > 2u) { miss += missed(2u, alpha[2], s[2]); next_alpha[2] = scaled_rows(2u, s[2]); }
    if (ROW_BLOCKS > 3u) { miss += missed(3u, alpha[3], s[3]); next_alpha[3] = scaled_rows(3u, s[3]); }
    miss_parts[lane] = miss;
    put_columns(0u, next_alpha);
    if (COLUMN_BLOCKS > 1u) { put_columns(1u, next_alpha); }
    if (COLUMN_BLOCKS > 2u) { put_columns(2u, next_alpha); }
    if (COLUMN_BLOCKS > 3u) { put_columns(3u, next_alpha); }
    workgroupBarrier();
    miss = 0.0;
    for (var k = 0u; k < GRID_ROWS; k++) {
      miss += miss_parts[k * GRID_COLUMNS + grid_column];
    }
    let looks = params.tolerance > 0.0 && t > 1u && (t - 1u) % params.check_every == 0u;
    if (!done && ((looks && miss < params.tolerance) || t > params.iterations)) {
      done = true;
      iterations_done = t - 1u;
      missing = miss;
    }
    if (!done) {
      alpha = next_alpha;
      var S = Vector();
      for (var J = 0u; J < COLUMN_BLOCKS; J++) {
        S = placed(S, J, column_sum(J));
      }
      beta[0] = scaled_columns(0u, S[0]); widen(column_mass[0], S[0], column_offset[0]);
      if (COLUMN_BLOCKS > 1u) { beta[1] = scaled_columns(1u, S[1]); widen(column_mass[1], S[1], column_offset[1]); }
      if (COLUMN_BLOCKS > 2u) { beta[2] = scaled_columns(2u, S[2]); widen(column_mass[2], S[2], column_offset[2]); }
      if (COLUMN_BLOCKS > 3u) { beta[3] = scaled_columns(3u, S[3]); widen(column_mass[3], S[3], column_offset[3]); }
      widen(row_mass[0], s[0], row_offset[0]);
      if (ROW_BLOCKS > 1u) { widen(row_mass[1], s[1], row_offset[1]); }
      if (ROW_BLOCKS > 2u) { widen(row_mass[2], s[2], row_offset[2]); }
      if (ROW_BLOCKS > 3u) { widen(row_mass[3], s[3], row_offset[3]); }
      for (var J = 0u; KEEP && J < select(0u, COLUMN_BLOCKS, grid_row == 0u); J++) {
        keep(t, N, column_at + J * 4u, M, picked(column_offset, J), picked(S, J));
      }
      for (var I = 0u; KEEP && I < select(0u, ROW_BLOCKS, grid_column == 0u); I++) {
        keep(t, 0u, row_at + I * 4u, N, picked(row_offset, I), picked(s, I));
      }
    }
  }

  span_parts[lane] = (span.x + span.y) + (span.z + span.w);
  workgroupBarrier();
  if (!exists) {
    return;
  }
  for (var tile = 0u; tile < ROW_BLOCKS * COLUMN_BLOCKS; tile++) {
    let I = tile / COLUMN_BLOCKS;
    let J = tile % COLUMN_BLOCKS;
    store_block(I, J, picked(alpha, I), picked(beta, J));
  }
  if (lane == 0u) {
    var total = 0.0;
    for (var k = 0u; k < LANES; k++) {
      total += span_parts[k];
    }
    // As integers, what is not a number is large too.
    let safe = bitcast<u32>(total) <= bitcast<u32>(HIGHEST);
    residual[problem] = missing;
    used[problem] = select(0u, iterations_done, safe);
    if (KEEP) {
      history[problem * (params.iterations + 1u) * (N + M)] = vec2<f32>(f32(iterations_done), 0.0);
    }
  }
}
