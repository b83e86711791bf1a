// Last launch of the Sinkhorn rival's backward pass (bench/composed/sinkhorn.ts):
//   dcost_ij = -(1 / eps) A_ij (dplan_ij alpha_i beta_j + sum_t (alpha_i(t) g_j(t) + f_i(t) beta_j(t - 1)))
//
//   matrix, alpha, beta, row_flow (f), column_flow (g): [T or T + 1, blocks, rows, 32] as in sinkhorn_start.wgsl; beta(0), all 1, comes
//   first in beta, everything else begins with t = 1.   dplan, dcost [B, N, M]
//
// Dispatch: one thread per problem and tile of 4 x 4 entries, whose sums stay in registers, so that 16 numbers serve 32 multiply-adds; 32 neighbours
// are a block's problems; workgroups spill from x into y.
const N: u32 = 12u;
const M: u32 = 12u;
const ROW_TILES: u32 = (N + 3u) / 4u;
const COLUMN_TILES: u32 = (M + 3u) / 4u;

struct Params { problems: u32, blocks: u32, iterations: u32, inverse_epsilon: f32 }

@group(0) @binding(0) var<storage, read> matrix: array<f32>;
@group(0) @binding(1) var<storage, read> alpha: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> row_flow: array<f32>;
@group(0) @binding(4) var<storage, read> column_flow: array<f32>;
@group(0) @binding(5) var<storage, read> dplan: array<f32>;
@group(0) @binding(6) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

// Four entries of a column. Sums are only ever indexed by literals, so that they live in registers.
fn put(problem: u32, row: u32, column: u32, sums: vec4<f32>) {
  if (column < M) {
    put_entry(problem, row, column, sums.x);
    put_entry(problem, row + 1u, column, sums.y);
    put_entry(problem, row + 2u, column, sums.z);
    put_entry(problem, row + 3u, column, sums.w);
  }
}

fn put_entry(problem: u32, row: u32, column: u32, sum: f32) {
  if (row < N) {
    let section = problem / 32u;
    let within = problem % 32u;
    let entry = row * M + column;
    let at = problem * N * M + entry;
    let scaling = alpha[(((params.iterations - 1u) * params.blocks + section) * N + row) * 32u + within];
    let other = beta[((params.iterations * params.blocks + section) * M + column) * 32u + within];
    dcost[at] = -params.inverse_epsilon * matrix[(section * N * M + entry) * 32u + within] * (dplan[at] * scaling * other + sum);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  let within = thread % 32u;
  let tile = (thread / 32u) % (ROW_TILES * COLUMN_TILES);
  let section = thread / (32u * ROW_TILES * COLUMN_TILES);
  let problem = section * 32u + within;
  if (section >= params.blocks || problem >= params.problems) {
    return;
  }
  let first_row = 4u * (tile / COLUMN_TILES);
  let first_column = 4u * (tile % COLUMN_TILES);
  // Past the edge the last row or column is read again.
  let rows = (vec4<u32>(section * N) + min(first_row + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(N - 1u))) * 32u + within;
  let columns = (vec4<u32>(section * M) + min(first_column + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(M - 1u))) * 32u + within;
  let row_step = params.blocks * N * 32u;
  let column_step = params.blocks * M * 32u;
  // Column j of the tile in sums[j].
  var sums = mat4x4<f32>();
  for (var t = 0u; t < params.iterations; t += 1u) {
    let i = rows + t * row_step;
    let j = columns + t * column_step;
    let scaling = vec4<f32>(alpha[i.x], alpha[i.y], alpha[i.z], alpha[i.w]);
    let f = vec4<f32>(row_flow[i.x], row_flow[i.y], row_flow[i.z], row_flow[i.w]);
    let g = vec4<f32>(column_flow[j.x], column_flow[j.y], column_flow[j.z], column_flow[j.w]);
    let before = vec4<f32>(beta[j.x], beta[j.y], beta[j.z], beta[j.w]);
    sums[0] += scaling * g.x + f * before.x;
    sums[1] += scaling * g.y + f * before.y;
    sums[2] += scaling * g.z + f * before.z;
    sums[3] += scaling * g.w + f * before.w;
  }
  put(problem, first_row, first_column, sums[0]);
  put(problem, first_row, first_column + 1u, sums[1]);
  put(problem, first_row, first_column + 2u, sums[2]);
  put(problem, first_row, first_column + 3u, sums[3]);
}
