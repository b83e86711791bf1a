// Gradient of large transport problems, of the cost, last of all and in place: what all iterations handed to dK.
//
//   dcost_ij = -(1 / eps) A_ij (dplan_ij alpha_i beta_j + sum_t (alpha_i g_j + f_i beta_j))
//
// with alpha, g and f of iteration t and beta of iteration t - 1, from the last iteration to the first (formulas in
// tiled_backward_update.wgsl). What the plan hands over goes in first, because the sum shrinks to the little that is left in the
// end, and so do its rounding errors. Where dcost already holds dK (problems out of range), only the factor is left.
//
//   dcost [B, N, M]: A, or dK   dplan [B, N, M]   history, flows as in tiled_backward_update.wgsl
//
// Dispatch: an invocation per 4 x 4 entries, 4 x 16 of them to a workgroup; workgroups spill from x into y.

struct Params {
  problems: u32,
  n: u32,
  m: u32,
  iterations: u32,
  inverse_epsilon: f32,
}

@group(0) @binding(0) var<storage, read> dplan: array<f32>;
@group(0) @binding(1) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> flows: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

struct Pairs {
  flow: vec4<f32>,
  scaling: vec4<f32>,
}

fn pairs(at: vec4<u32>) -> Pairs {
  let p0 = flows[at.x];
  let p1 = flows[at.y];
  let p2 = flows[at.z];
  let p3 = flows[at.w];
  return Pairs(vec4<f32>(p0.x, p1.x, p2.x, p3.x), vec4<f32>(p0.y, p1.y, p2.y, p3.y));
}

fn four(first: u32) -> vec4<u32> {
  return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}

fn finish(at: u32, j: u32, change: vec4<f32>) {
  for (var k = 0u; k < 4u && j + k < params.m; k++) {
    dcost[at + j + k] *= -params.inverse_epsilon * change[k];
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let across = (params.m + 63u) / 64u;
  let down = (params.n + 15u) / 16u;
  let tile = group_id.x + group_id.y * group_counts.x;
  let problem = tile / (across * down);
  let i = tile / across % down * 16u + invocation / 16u * 4u;
  let j = tile % across * 64u + invocation % 16u * 4u;
  if (problem >= params.problems || i >= params.n || j >= params.m) {
    return;
  }
  let all = params.n + params.m;
  let history_at = problem * (params.iterations + 1u) * all;
  let head = history[history_at];
  let rows = min(four(i), vec4<u32>(params.n - 1u));
  let columns = min(four(j), vec4<u32>(params.m - 1u));
  let at = (rows + problem * params.n) * params.m;
  var c0 = vec4<f32>(1.0);
  var c1 = c0;
  var c2 = c0;
  var c3 = c0;
  if (head.y == 0.0) {
    let last = u32(head.x);
    var step_at = history_at + last * all;
    var column = pairs(columns + step_at + params.n);
    let alpha = pairs(rows + step_at).scaling;
    c0 = vec4<f32>(dplan[at.x + columns.x], dplan[at.x + columns.y], dplan[at.x + columns.z], dplan[at.x + columns.w]) * column.scaling * alpha.x;
    c1 = vec4<f32>(dplan[at.y + columns.x], dplan[at.y + columns.y], dplan[at.y + columns.z], dplan[at.y + columns.w]) * column.scaling * alpha.y;
    c2 = vec4<f32>(dplan[at.z + columns.x], dplan[at.z + columns.y], dplan[at.z + columns.z], dplan[at.z + columns.w]) * column.scaling * alpha.z;
    c3 = vec4<f32>(dplan[at.w + columns.x], dplan[at.w + columns.y], dplan[at.w + columns.z], dplan[at.w + columns.w]) * column.scaling * alpha.w;
    for (var t = last; t > 0u; t--) {
      let row = pairs(rows + step_at);
      let g = column.flow;
      step_at -= all;
      column = pairs(columns + step_at + params.n);
      c0 += g * row.scaling.x + column.scaling * row.flow.x;
      c1 += g * row.scaling.y + column.scaling * row.flow.y;
      c2 += g * row.scaling.z + column.scaling * row.flow.z;
      c3 += g * row.scaling.w + column.scaling * row.flow.w;
    }
  }
  finish(at.x, j, c0);
  if (i + 1u < params.n) { finish(at.y, j, c1); }
  if (i + 2u < params.n) { finish(at.z, j, c2); }
  if (i + 3u < params.n) { finish(at.w, j, c3); }
}
