// Gradient of large transport problems, first step: what the plan itself hands to its logits and to the row potentials.
//
//   dK_ij = dplan_ij plan_ij,   du_i = sum_j dK_ij        (formulas in sinkhorn_backward.wgsl)
//
//   plan, dplan, dcost [B, N, M]; dcost holds dK until tiled_backward_finish.wgsl
//   row_flows [B, N]: (du_i, unused)
//
// Dispatch: one workgroup of LANES invocations per row; a tree adds the lanes up in a fixed order.

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  m: u32,
}

@group(0) @binding(0) var<storage, read> plan: array<f32>;
@group(0) @binding(1) var<storage, read> dplan: array<f32>;
@group(0) @binding(2) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(3) var<storage, read_write> row_flows: array<vec2<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group_id.x + group_id.y * group_counts.x;
  var sum = 0.0;
  if (row < params.rows) {
    for (var j = lane; j < params.m; j += LANES) {
      let index = row * params.m + j;
      let entry = plan[index] * dplan[index];
      dcost[index] = entry;
      sum += entry;
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
  if (row < params.rows && lane == 0u) {
    row_flows[row] = vec2<f32>(sum, 0.0);
  }
}
