// Gradient of large transport problems with hard marginals, now and then before a column update is walked backwards:
// sum_j dv_j is 0 but for rounding, and what rounding leaves no later step changes (see sinkhorn_backward.wgsl).
//
//   dv_j -= b_j sum dv / sum b, and with it h_j = -dv_j and dlog b_j
//
//   b, dmass [B, M]; dmass holds dlog b   history, flows as in tiled_backward_update.wgsl, of iteration `step`
//
// Dispatch: one workgroup of LANES invocations per problem; a tree adds the lanes up in a fixed order.

const LANES: u32 = 64u;
const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  n: u32,
  m: u32,
  step: u32,
  iterations: u32,
}

@group(0) @binding(0) var<storage, read> b: array<f32>;
@group(0) @binding(1) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> flows: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> dmass: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

// (sum of h, sum of b)
var<workgroup> sums: array<vec2<f32>, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let problem = min(group_id.x + group_id.y * group_counts.x, params.problems - 1u);
  let history_at = problem * (params.iterations + 1u) * (params.n + params.m);
  // The first column update that is walked backwards still has a sum.
  let runs = group_id.x + group_id.y * group_counts.x < params.problems && params.step < u32(history[history_at].x);
  let line_at = problem * params.m;
  let at = history_at + params.step * (params.n + params.m) + params.n;
  var sum = vec2<f32>();
  if (runs) {
    for (var j = lane; j < params.m; j += LANES) {
      let mass = b[line_at + j];
      if (mass > 0.0 && history[at + j].x > DEAD * 0.5) {
        sum += vec2<f32>(flows[at + j].x * history[at + j].y, mass);
      }
    }
  }
  sums[lane] = sum;
  for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      sum += sums[lane + stride];
      sums[lane] = sum;
    }
  }
  workgroupBarrier();
  if (runs) {
    let remainder = sums[0].x / max(sums[0].y, 1e-37);
    for (var j = lane; j < params.m; j += LANES) {
      let mass = b[line_at + j];
      let state = history[at + j];
      if (mass > 0.0 && state.x > DEAD * 0.5) {
        flows[at + j].x -= remainder * mass / state.y;
        dmass[line_at + j] += remainder * mass;
      }
    }
  }
}
