// Gradient of large transport problems: column update of iteration `step` walked backwards, which ends in the rows.
//
//   du_i = sum_j W_ij h_j (and at a problem's last iteration what the plan gave),  dK_ij += W_ij h_j,
//   W_ij = exp(u_i - cost_ij / eps - offset_j)
//   then for the row update of the same iteration: dlog a_i += lambda du_i, and h_i, offset_i of the row
//
//   cost, dcost [B, N, M]; dcost holds dK       a, dmass [B, N]; dmass holds dlog a
//   column_flows [B, M], row_flows [B, N]: (h, offset), where offset = log mass - potential / lambda and h holds
//   exp(slip), so that exp(... - offset) h weighs with the exact LSE;   used, history as in tiled_rows.wgsl
//
// Dispatch: one workgroup of LANES invocations per row; a tree adds the lanes up in a fixed order.

const LANES: u32 = 64u;
const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  n: u32,
  m: u32,
  step: u32,
  iterations: u32,
  inverse_epsilon: f32,
  lambda: f32,
}

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> history: array<f32>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read> column_flows: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> row_flows: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(7) var<storage, read_write> dmass: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row_index = group_id.x + group_id.y * group_counts.x;
  let row = min(row_index, params.problems * params.n - 1u);
  let problem = row / params.n;
  let last = used[problem];
  let runs = row_index < params.problems * params.n && params.step <= last;
  let lines = params.n + params.m;
  let at = (problem * (params.iterations + 1u) + params.step) * 2u * lines + row % params.n;
  let u_i = history[at];
  var sum = 0.0;
  if (runs) {
    for (var j = lane; j < params.m; j += LANES) {
      let index = row * params.m + j;
      let flow = column_flows[problem * params.m + j];
      let entry = exp(u_i - cost[index] * params.inverse_epsilon - flow.y) * flow.x;
      sum += entry;
      dcost[index] += entry;
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
  if (!runs || lane > 0u) {
    return;
  }
  let first = params.step == last;
  let slope = select(0.0, row_flows[row].x, first) + sum;
  let mass = a[row];
  let alive = u_i > DEAD * 0.5;
  let flow = select(0.0, params.lambda * slope, alive);
  dmass[row] = select(dmass[row], 0.0, first) + flow;
  let offset = select(-DEAD, log(select(1.0, mass, alive)) - u_i / params.lambda, alive);
  row_flows[row] = vec2<f32>(-flow * exp(history[at + lines]), offset);
}
