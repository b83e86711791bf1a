// Gradient of large transport problems, first step: what the plan itself hands to the potentials of rows, and of columns,
// for the updates of the last iteration (formulas in sinkhorn_backward.wgsl and tiled_backward_update.wgsl).
//
//   ROWS:      du_i = sum_j dK_ij, into inflow;  dlog a_i = 0      with dK_ij = dplan_ij plan_ij
//   otherwise: dv_j = sum_i dK_ij;  dlog b_j = lambda dv_j, and the flow of the column
//
//   plan, dplan, dcost [B, N, M]; dcost takes dK of problems that were out of range (ROWS)
//   mass, dmass [B, N] or [B, M]   inflow [B, N]   history, flows as in tiled_backward_update.wgsl
//
// Dispatch: one workgroup of LANES invocations per row, or per column; a tree adds the lanes up in a fixed order.

const LANES: u32 = 64u;
const ROWS: bool = true;
const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  n: u32,
  m: u32,
  iterations: u32,
  lambda: f32,
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> plan: array<f32>;
@group(0) @binding(1) var<storage, read> dplan: array<f32>;
@group(0) @binding(2) var<storage, read> mass: array<f32>;
@group(0) @binding(3) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(5) var<storage, read_write> inflow: array<f32>;
@group(0) @binding(6) var<storage, read_write> flows: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> dmass: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let lines = select(params.m, params.n, ROWS);
  let terms = select(params.n, params.m, ROWS);
  let line_index = group_id.x + group_id.y * group_counts.x;
  let exists = line_index < params.problems * lines;
  let line = min(line_index, params.problems * lines - 1u);
  let problem = line / lines;
  let all = params.n + params.m;
  let history_at = problem * (params.iterations + 1u) * all;
  let head = history[history_at];
  var sum = 0.0;
  if (exists) {
    for (var t = lane; t < terms; t += LANES) {
      let index = select((problem * params.n + t) * params.m + line % lines, line * params.m + t, ROWS);
      let entry = plan[index] * dplan[index];
      sum += entry;
      if (ROWS && head.y > 0.0) {
        dcost[index] = entry;
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
  if (!exists || lane > 0u) {
    return;
  }
  if (ROWS) {
    inflow[line] = sum;
    dmass[line] = 0.0;
    return;
  }
  let at = history_at + u32(head.x) * all + params.n + line % lines;
  let state = history[at];
  let weight = mass[line];
  let alive = weight > 0.0 && state.x > DEAD * 0.5;
  let flow = select(0.0, params.lambda * sum, alive);
  let excess = (log(weight) - log(state.y) - state.x) * params.relaxation;
  let scaling = select(0.0, weight / state.y * select(exp(-excess), 1.0, excess == 0.0), alive);
  dmass[line] = flow;
  // Nothing comes near the maximum of a dead column.
  flows[at] = vec2<f32>(-flow / select(1.0, state.y, alive), select(scaling, select(-DEAD, state.x, alive), head.y > 0.0));
}
