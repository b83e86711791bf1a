// Exact gradient of sinkhorn_grid.wgsl, a problem to a grid of lanes as there, with the formulas of
// sinkhorn_thread_backward.wgsl: p = du, q = dv,
//
//   p_i = sum_j dplan_ij plan_ij,  q_j = sum_i dplan_ij plan_ij        (from the plan)
//   v step:  g_j = -lambda q_j / S_j,   p_i += alpha_i (A g)_i          (p starts from 0 in all but the last iteration)
//   u step:  f_i = -lambda p_i / s_i,   q_j = beta_j (A^T f)_j,  beta of iteration t - 1
//   dlog a_i += lambda p_i,  dlog b_j += lambda q_j;   da = dlog a / a,  db = dlog b / b
//   dcost_ij = -(1 / eps) A_ij (dplan_ij alpha_i beta_j + sum_t (alpha_i g_j + f_i beta_j))
//
// s and S are those of the forward pass, so that weights sum to 1. With hard marginals sum q = 0; what rounding leaves of it
// never decays, and every 16th step takes it out, in proportion to b. Problems solved in the log domain are left to
// sinkhorn_backward.wgsl, in the next launch.
//
//   dcost [B, N, M]: A at first   dplan [B, N, M]   a, da [B, N]   b, db [B, M]   history as in tiled_update.wgsl
//
// Registers and dispatch: as in sinkhorn_grid.wgsl.

const N: u32 = 24u;
const M: u32 = 24u;
// Lanes of a problem: GRID_ROWS x GRID_COLUMNS, each with ROW_BLOCKS x COLUMN_BLOCKS blocks of 4 x 4 entries.
const GRID_ROWS: u32 = 2u;
const GRID_COLUMNS: u32 = 2u;
const ROW_BLOCKS: u32 = 3u;
const COLUMN_BLOCKS: u32 = 3u;
const RELAXED: bool = false;

const LANES: u32 = GRID_ROWS * GRID_COLUMNS;
const ALL_ROWS: u32 = GRID_ROWS * ROW_BLOCKS;
const ALL_COLUMNS: u32 = GRID_COLUMNS * COLUMN_BLOCKS;
const DEAD: f32 = -1e30;
const BALANCE_EVERY: u32 = 16u;

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

@group(0) @binding(0) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> dplan: array<f32>;
@group(0) @binding(4) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(5) var<storage, read_write> da: array<f32>;
@group(0) @binding(6) var<storage, read_write> db: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

// Parts of sums, as in sinkhorn_grid.wgsl.
var<workgroup> row_parts: array<vec4<f32>, ALL_ROWS * GRID_COLUMNS>;
var<workgroup> column_parts: array<vec4<f32>, ALL_COLUMNS * GRID_ROWS>;
// (sum q, sum b) of the columns of a lane.
var<workgroup> remainders: array<vec2<f32>, LANES>;

// Blocks of A and of dK / A: what the plan hands to it goes in first, because the sum shrinks to the little that is left in the
// end, and so do its rounding errors.
var<private> blocks: array<mat4x4<f32>, 16>;
var<private> changes: array<mat4x4<f32>, 16>;
var<private> row_mass: Vector;
var<private> column_mass: Vector;
var<private> row_slope: Vector;
var<private> column_slope: Vector;
var<private> problem: u32;
var<private> row_at: u32;
var<private> column_at: u32;
var<private> grid_row: u32;
var<private> grid_column: u32;

// A vector with `part` at a place that the compiler does not know; and what is there.
fn placed(x: Vector, at: u32, part: vec4<f32>) -> Vector {
  return Vector(select(x[0], part, at == 0u), select(x[1], part, at == 1u), select(x[2], part, at == 2u), select(x[3], part, at == 3u));
}

fn picked(x: Vector, at: u32) -> vec4<f32> {
  return select(select(x[0], x[1], at == 1u), select(x[2], x[3], at == 3u), at > 1u);
}

// The same for blocks: at is 4 I + J.
fn place_blocks(at: u32, x: mat4x4<f32>, change: mat4x4<f32>) {
  if (at == 0u) { blocks[0] = x; changes[0] = change; }
  if (COLUMN_BLOCKS > 1u) { if (at == 1u) { blocks[1] = x; changes[1] = change; } }
  if (COLUMN_BLOCKS > 2u) { if (at == 2u) { blocks[2] = x; changes[2] = change; } }
  if (COLUMN_BLOCKS > 3u) { if (at == 3u) { blocks[3] = x; changes[3] = change; } }
  if (ROW_BLOCKS > 1u) { if (at == 4u) { blocks[4] = x; changes[4] = change; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { if (at == 5u) { blocks[5] = x; changes[5] = change; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { if (at == 6u) { blocks[6] = x; changes[6] = change; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { if (at == 7u) { blocks[7] = x; changes[7] = change; } }
  if (ROW_BLOCKS > 2u) { if (at == 8u) { blocks[8] = x; changes[8] = change; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { if (at == 9u) { blocks[9] = x; changes[9] = change; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { if (at == 10u) { blocks[10] = x; changes[10] = change; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { if (at == 11u) { blocks[11] = x; changes[11] = change; } }
  if (ROW_BLOCKS > 3u) { if (at == 12u) { blocks[12] = x; changes[12] = change; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { if (at == 13u) { blocks[13] = x; changes[13] = change; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { if (at == 14u) { blocks[14] = x; changes[14] = change; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { if (at == 15u) { blocks[15] = x; changes[15] = change; } }
}

// dK of a block.
fn pick_product(at: u32) -> mat4x4<f32> {
  var x = blocks[0];
  var y = changes[0];
  if (at == 0u) { x = blocks[0]; y = changes[0]; }
  if (COLUMN_BLOCKS > 1u) { if (at == 1u) { x = blocks[1]; y = changes[1]; } }
  if (COLUMN_BLOCKS > 2u) { if (at == 2u) { x = blocks[2]; y = changes[2]; } }
  if (COLUMN_BLOCKS > 3u) { if (at == 3u) { x = blocks[3]; y = changes[3]; } }
  if (ROW_BLOCKS > 1u) { if (at == 4u) { x = blocks[4]; y = changes[4]; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 1u) { if (at == 5u) { x = blocks[5]; y = changes[5]; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 2u) { if (at == 6u) { x = blocks[6]; y = changes[6]; } }
  if (ROW_BLOCKS > 1u && COLUMN_BLOCKS > 3u) { if (at == 7u) { x = blocks[7]; y = changes[7]; } }
  if (ROW_BLOCKS > 2u) { if (at == 8u) { x = blocks[8]; y = changes[8]; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 1u) { if (at == 9u) { x = blocks[9]; y = changes[9]; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 2u) { if (at == 10u) { x = blocks[10]; y = changes[10]; } }
  if (ROW_BLOCKS > 2u && COLUMN_BLOCKS > 3u) { if (at == 11u) { x = blocks[11]; y = changes[11]; } }
  if (ROW_BLOCKS > 3u) { if (at == 12u) { x = blocks[12]; y = changes[12]; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 1u) { if (at == 13u) { x = blocks[13]; y = changes[13]; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 2u) { if (at == 14u) { x = blocks[14]; y = changes[14]; } }
  if (ROW_BLOCKS > 3u && COLUMN_BLOCKS > 3u) { if (at == 15u) { x = blocks[15]; y = changes[15]; } }
  return mat4x4<f32>(x[0] * y[0], x[1] * y[1], x[2] * y[2], x[3] * y[3]);
}

// What four lines were made of in an iteration; 1 past the end.
struct States {
  offset: vec4<f32>,
  sum: vec4<f32>,
}

fn four(first: u32) -> vec4<u32> {
  return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}

fn total(x: vec4<f32>) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}

fn kept(t: u32, first: u32, i: u32, count: u32) -> States {
  let at = (problem * (params.iterations + 1u) + t) * (N + M) + first + min(four(i), vec4<u32>(count - 1u));
  let inside = four(i) < vec4<u32>(count);
  let sum = select(vec4<f32>(1.0), vec4<f32>(history[at.x].y, history[at.y].y, history[at.z].y, history[at.w].y), inside);
  if (!RELAXED) {
    return States(vec4<f32>(), sum);
  }
  return States(select(vec4<f32>(), vec4<f32>(history[at.x].x, history[at.y].x, history[at.z].x, history[at.w].x), inside), sum);
}

// The mass over its divisor; see divisor in sinkhorn_grid.wgsl.
fn scaling(mass: vec4<f32>, state: States) -> vec4<f32> {
  var divisor = state.sum;
  if (RELAXED) {
    let hard = log(max(mass, vec4<f32>(1e-37))) - log(state.sum) - state.offset;
    divisor *= exp(params.relaxation * select(vec4<f32>(), hard, mass > vec4<f32>()));
  }
  return mass * (1.0 / divisor);
}

fn four_of_matrix(i: u32, j: u32) -> vec4<f32> {
  let at = (min(four(i), vec4<u32>(N - 1u)) + problem * N) * M + min(j, M - 1u);
  return select(vec4<f32>(), vec4<f32>(dcost[at.x], dcost[at.y], dcost[at.z], dcost[at.w]), four(i) < vec4<u32>(select(0u, N, j < M)));
}

fn four_slopes(i: u32, j: u32) -> vec4<f32> {
  let at = (min(four(i), vec4<u32>(N - 1u)) + problem * N) * M + min(j, M - 1u);
  return vec4<f32>(dplan[at.x], dplan[at.y], dplan[at.z], dplan[at.w]);
}

// Nothing flows to or from an empty line: its offset is DEAD.
fn alive(first: u32, i: u32, count: u32) -> vec4<bool> {
  let at = (problem * (params.iterations + 1u) + 1u) * (N + M) + first + min(four(i), vec4<u32>(count - 1u));
  return (vec4<f32>(history[at.x].x, history[at.y].x, history[at.z].x, history[at.w].x) > vec4<f32>(0.5 * DEAD)) & (four(i) < vec4<u32>(count));
}

fn load_rows(I: u32) {
  let i = row_at + 4u * I;
  let at = min(four(i), vec4<u32>(N - 1u)) + problem * N;
  let mass = select(vec4<f32>(), max(vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]), vec4<f32>()), alive(0u, i, N));
  row_mass = placed(row_mass, I, mass);
}

fn load_columns(J: u32) {
  let j = column_at + 4u * J;
  let at = min(four(j), vec4<u32>(M - 1u)) + problem * M;
  let mass = select(vec4<f32>(), max(vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]), vec4<f32>()), alive(N, j, M));
  column_mass = placed(column_mass, J, mass);
}

// Sums and offsets of the tile's rows, or columns, in an iteration; alpha of it, or beta.
var<private> row_sums: Vector;
var<private> row_scalings: Vector;

fn load_row_states(t: u32) {
  for (var I = 0u; I < ROW_BLOCKS; I++) {
    let state = kept(t, 0u, row_at + 4u * I, N);
    row_sums = placed(row_sums, I, state.sum);
    row_scalings = placed(row_scalings, I, scaling(picked(row_mass, I), state));
  }
}

var<private> column_sums: Vector;
var<private> column_scalings: Vector;

fn load_column_states(t: u32) {
  for (var J = 0u; J < COLUMN_BLOCKS; J++) {
    let state = kept(t, N, column_at + 4u * J, M);
    column_sums = placed(column_sums, J, state.sum);
    column_scalings = placed(column_scalings, J, select(scaling(picked(column_mass, J), state), state.sum, t == 0u));
  }
}

// A block, and what the plan hands to it, by columns: dK / A; to p, and to q.
fn start_block(I: u32, J: u32, alpha: vec4<f32>, beta: vec4<f32>) {
  let i = row_at + 4u * I;
  let j = column_at + 4u * J;
  let tile = mat4x4<f32>(four_of_matrix(i, j), four_of_matrix(i, j + 1u), four_of_matrix(i, j + 2u), four_of_matrix(i, j + 3u));
  let change = mat4x4<f32>(
    alpha * four_slopes(i, j) * beta.x,
    alpha * four_slopes(i, j + 1u) * beta.y,
    alpha * four_slopes(i, j + 2u) * beta.z,
    alpha * four_slopes(i, j + 3u) * beta.w,
  );
  place_blocks(4u * I + J, tile, change);
  let flow = mat4x4<f32>(tile[0] * change[0], tile[1] * change[1], tile[2] * change[2], tile[3] * change[3]);
  row_flows = placed(row_flows, I, picked(row_flows, I) + ((flow[0] + flow[1]) + (flow[2] + flow[3])));
  column_flows = placed(column_flows, J, picked(column_flows, J) + vec4<f32>(total(flow[0]), total(flow[1]), total(flow[2]), total(flow[3])));
}

// What the plan hands to the tile's rows and columns.
var<private> row_flows: Vector;
var<private> column_flows: Vector;

// A x of the rows 4 I .., as far as the tile goes.
fn row_product(I: u32, x: Vector) -> vec4<f32> {
  var y = blocks[4u * I] * x[0];
  if (COLUMN_BLOCKS > 1u) { y += blocks[4u * I + 1u] * x[1]; }
  if (COLUMN_BLOCKS > 2u) { y += blocks[4u * I + 2u] * x[2]; }
  if (COLUMN_BLOCKS > 3u) { y += blocks[4u * I + 3u] * x[3]; }
  return y;
}

// A^T x of the columns 4 J .., as far as the tile goes.
fn column_product(J: u32, x: Vector) -> vec4<f32> {
  var y = x[0] * blocks[J];
  if (ROW_BLOCKS > 1u) { y += x[1] * blocks[J + 4u]; }
  if (ROW_BLOCKS > 2u) { y += x[2] * blocks[J + 8u]; }
  if (ROW_BLOCKS > 3u) { y += x[3] * blocks[J + 12u]; }
  return y;
}

fn put_rows(I: u32, x: vec4<f32>) {
  row_parts[grid_column * ALL_ROWS + grid_row * ROW_BLOCKS + I] = x;
}

fn put_columns(J: u32, x: vec4<f32>) {
  column_parts[grid_row * ALL_COLUMNS + grid_column * COLUMN_BLOCKS + J] = x;
}

fn row_sum(I: u32) -> vec4<f32> {
  var y = vec4<f32>();
  for (var k = 0u; k < GRID_COLUMNS; k++) {
    y += row_parts[k * ALL_ROWS + grid_row * ROW_BLOCKS + I];
  }
  return y;
}

fn column_sum(J: u32) -> vec4<f32> {
  var y = vec4<f32>();
  for (var k = 0u; k < GRID_ROWS; k++) {
    y += column_parts[k * ALL_COLUMNS + grid_column * COLUMN_BLOCKS + J];
  }
  return y;
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

// A step of the rows 4 I .. back: p from what the plan handed to it and from g, then f; both steps' changes of K. Gives f.
fn walk_rows(I: u32, start: vec4<f32>, sum: vec4<f32>, g: Vector, beta: Vector) -> vec4<f32> {
  let alpha = row_scalings[I];
  let flow = (start + alpha * sum) * params.lambda;
  row_slope[I] += flow;
  let f = -flow / row_sums[I];
  change_block(4u * I, alpha, g[0], f, beta[0]);
  if (COLUMN_BLOCKS > 1u) { change_block(4u * I + 1u, alpha, g[1], f, beta[1]); }
  if (COLUMN_BLOCKS > 2u) { change_block(4u * I + 2u, alpha, g[2], f, beta[2]); }
  if (COLUMN_BLOCKS > 3u) { change_block(4u * I + 3u, alpha, g[3], f, beta[3]); }
  return f;
}

// lambda q of the columns 4 J .. goes to their masses; gives g.
fn column_flow(J: u32, q: vec4<f32>) -> vec4<f32> {
  let flow = q * params.lambda;
  column_slope[J] += flow;
  return -flow / column_sums[J];
}

fn store_column(tile_row: u32, tile_column: u32, x: vec4<f32>) {
  let i = row_at + tile_row;
  let j = column_at + tile_column;
  let at = (problem * N + i) * M + j;
  if (j < M && i < N) {
    dcost[at] = x.x;
    if (i + 1u < N) { dcost[at + M] = x.y; }
    if (i + 2u < N) { dcost[at + 2u * M] = x.z; }
    if (i + 3u < N) { dcost[at + 3u * M] = x.w; }
  }
}

fn store_block(I: u32, J: u32) {
  let change = pick_product(4u * I + J) * -params.inverse_epsilon;
  store_column(4u * I, 4u * J, change[0]);
  store_column(4u * I, 4u * J + 1u, change[1]);
  store_column(4u * I, 4u * J + 2u, change[2]);
  store_column(4u * I, 4u * J + 3u, change[3]);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group_id.x + group_id.y * group_counts.x;
  problem = min(index, params.problems - 1u);
  let head = history[problem * (params.iterations + 1u) * (N + M)];
  let exists = index < params.problems && head.y == 0.0;
  let done = select(0u, u32(head.x), exists);
  grid_row = lane / GRID_COLUMNS;
  grid_column = lane % GRID_COLUMNS;
  row_at = grid_row * 4u * ROW_BLOCKS;
  column_at = grid_column * 4u * COLUMN_BLOCKS;
  if (exists) {
    for (var I = 0u; I < ROW_BLOCKS; I++) {
      load_rows(I);
    }
    for (var J = 0u; J < COLUMN_BLOCKS; J++) {
      load_columns(J);
    }
    load_row_states(done);
    load_column_states(done);
    for (var tile = 0u; tile < ROW_BLOCKS * COLUMN_BLOCKS; tile++) {
      let I = tile / COLUMN_BLOCKS;
      let J = tile % COLUMN_BLOCKS;
      start_block(I, J, picked(row_scalings, I), picked(column_scalings, J));
    }
  }
  put_rows(0u, row_flows[0]);
  if (ROW_BLOCKS > 1u) { put_rows(1u, row_flows[1]); }
  if (ROW_BLOCKS > 2u) { put_rows(2u, row_flows[2]); }
  if (ROW_BLOCKS > 3u) { put_rows(3u, row_flows[3]); }
  put_columns(0u, column_flows[0]);
  if (COLUMN_BLOCKS > 1u) { put_columns(1u, column_flows[1]); }
  if (COLUMN_BLOCKS > 2u) { put_columns(2u, column_flows[2]); }
  if (COLUMN_BLOCKS > 3u) { put_columns(3u, column_flows[3]); }
  workgroupBarrier();
  // Only the last iteration's u is used by the plan: p is 0 in all others.
  var p = Vector();
  var q = Vector();
  for (var I = 0u; I < ROW_BLOCKS; I++) {
    p = placed(p, I, row_sum(I));
  }
  for (var J = 0u; J < COLUMN_BLOCKS; J++) {
    q = placed(q, J, column_sum(J));
  }
  workgroupBarrier();

  for (var back = 0u; back < params.iterations; back++) {
    let t = params.iterations - back;
    let running = t <= done;
    if (!RELAXED && back > 0u && back % BALANCE_EVERY == 0u) {
      var rest = q[0];
      var mass = column_mass[0];
      if (COLUMN_BLOCKS > 1u) { rest += q[1]; mass += column_mass[1]; }
      if (COLUMN_BLOCKS > 2u) { rest += q[2]; mass += column_mass[2]; }
      if (COLUMN_BLOCKS > 3u) { rest += q[3]; mass += column_mass[3]; }
      remainders[lane] = vec2<f32>(total(rest), total(mass));
      workgroupBarrier();
      var sums = vec2<f32>();
      for (var k = 0u; k < GRID_COLUMNS; k++) {
        sums += remainders[grid_row * GRID_COLUMNS + k];
      }
      // The first step of a problem still has a sum.
      let share = select(0.0, sums.x / max(sums.y, 1e-37), t < done);
      q[0] -= column_mass[0] * share;
      if (COLUMN_BLOCKS > 1u) { q[1] -= column_mass[1] * share; }
      if (COLUMN_BLOCKS > 2u) { q[2] -= column_mass[2] * share; }
      if (COLUMN_BLOCKS > 3u) { q[3] -= column_mass[3] * share; }
    }
    var g = Vector();
    if (running) {
      g[0] = column_flow(0u, q[0]);
      if (COLUMN_BLOCKS > 1u) { g[1] = column_flow(1u, q[1]); }
      if (COLUMN_BLOCKS > 2u) { g[2] = column_flow(2u, q[2]); }
      if (COLUMN_BLOCKS > 3u) { g[3] = column_flow(3u, q[3]); }
      put_rows(0u, row_product(0u, g));
      if (ROW_BLOCKS > 1u) { put_rows(1u, row_product(1u, g)); }
      if (ROW_BLOCKS > 2u) { put_rows(2u, row_product(2u, g)); }
      if (ROW_BLOCKS > 3u) { put_rows(3u, row_product(3u, g)); }
    }
    workgroupBarrier();
    if (running) {
      load_row_states(t);
      load_column_states(t - 1u);
      let beta = column_scalings;
      var sums = Vector();
      for (var I = 0u; I < ROW_BLOCKS; I++) {
        sums = placed(sums, I, row_sum(I));
      }
      var f = Vector();
      f[0] = walk_rows(0u, p[0], sums[0], g, beta);
      if (ROW_BLOCKS > 1u) { f[1] = walk_rows(1u, p[1], sums[1], g, beta); }
      if (ROW_BLOCKS > 2u) { f[2] = walk_rows(2u, p[2], sums[2], g, beta); }
      if (ROW_BLOCKS > 3u) { f[3] = walk_rows(3u, p[3], sums[3], g, beta); }
      p = Vector();
      put_columns(0u, beta[0] * column_product(0u, f));
      if (COLUMN_BLOCKS > 1u) { put_columns(1u, beta[1] * column_product(1u, f)); }
      if (COLUMN_BLOCKS > 2u) { put_columns(2u, beta[2] * column_product(2u, f)); }
      if (COLUMN_BLOCKS > 3u) { put_columns(3u, beta[3] * column_product(3u, f)); }
    }
    workgroupBarrier();
    if (running) {
      for (var J = 0u; J < COLUMN_BLOCKS; J++) {
        q = placed(q, J, column_sum(J));
      }
    }
  }

  if (!exists) {
    return;
  }
  for (var tile = 0u; tile < ROW_BLOCKS * COLUMN_BLOCKS; tile++) {
    store_block(tile / COLUMN_BLOCKS, tile % COLUMN_BLOCKS);
  }
  if (grid_column == 0u) {
    for (var k = 0u; k < 4u * ROW_BLOCKS && row_at + k < N; k++) {
      let share = a[problem * N + row_at + k];
      da[problem * N + row_at + k] = select(0.0, row_slope[k / 4u][k % 4u] / max(share, 1e-37), share > 0.0);
    }
  }
  if (grid_row == 0u) {
    for (var k = 0u; k < 4u * COLUMN_BLOCKS && column_at + k < M; k++) {
      let share = b[problem * M + column_at + k];
      db[problem * M + column_at + k] = select(0.0, column_slope[k / 4u][k % 4u] / max(share, 1e-37), share > 0.0);
    }
  }
}
