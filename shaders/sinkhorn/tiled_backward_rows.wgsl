// Gradient of large transport problems: column update of iteration `step` walked backwards, which ends in the rows.
//
//   du_i = sum_j W_ij h_j (and at a problem's last iteration what the plan gave),  dK_ij += W_ij h_j,
//   W_ij = exp(u_i + K_ij - maximum_j) / sum_j with the maximum and the sum that the forward pass had
//   then for the row update of the same iteration: dlog a_i += lambda du_i, and h_i of the row
//
//   logits, dcost [B, N, M]; dcost holds dK       a, dmass [B, N]; dmass holds dlog a
//   column_flows [B, M], row_flows [B, N]: (h / sum, maximum)
//   used, history as in tiled_rows.wgsl; logits are two-part numbers (hi, lo), see logits.wgsl
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
  lambda: f32,
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read> column_flows: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> row_flows: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(7) var<storage, read_write> dmass: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> sums: array<f32, LANES>;

fn potential(mass: f32, state: vec2<f32>) -> vec2<f32> {
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass <= 0.0 || state.x < DEAD * 0.5) {
    return vec2<f32>(DEAD, 0.0);
  }
  // The maximum is a multiple of 1/1024 already, and what comes besides is small.
  let hard = log(mass) - log(state.y);
  let small = hard - (hard - state.x) * params.relaxation;
  let rounded = round(small * 1024.0) * 0.0009765625;
  return vec2<f32>(rounded - state.x, small - rounded);
}

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
  let at = (problem * (params.iterations + 1u) + params.step) * lines + row % params.n;
  let mass = a[row];
  let state = history[at];
  let u_i = potential(mass, state);
  var sum = 0.0;
  if (runs) {
    for (var j = lane; j < params.m; j += LANES) {
      let index = row * params.m + j;
      let flow = column_flows[problem * params.m + j];
      let x = u_i + logits[index];
      let entry = exp((x.x - flow.y) + x.y) * flow.x;
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
  let alive = u_i.x > DEAD * 0.5;
  let flow = select(0.0, params.lambda * slope, alive);
  dmass[row] = select(dmass[row], 0.0, first) + flow;
  // Nothing comes near the maximum of a dead row.
  row_flows[row] = vec2<f32>(-flow / select(1.0, state.y, alive), select(-DEAD, state.x, alive));
}
