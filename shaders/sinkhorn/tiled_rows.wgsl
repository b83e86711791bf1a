// Entropic transport of large problems: one row update of every problem that still runs (formulas in sinkhorn.wgsl).
//
//   u_i = lambda (log a_i - LSE_j(v_j - cost_ij / eps))
//
//   cost [B, N, M]   a, u [B, N]   v [B, M]   used [B]: 0 while a problem runs
//   history [B, iterations + 1, 2 (N + M)], row t: u, v, slip of u, slip of v (KEEP; a placeholder otherwise)
//
// Dispatch: one workgroup of LANES invocations per row, so that neighbours read neighbouring costs. Each keeps a
// maximum and a sum relative to it over four entries at a time; a tree adds the lanes up in a fixed order.

const LANES: u32 = 64u;
const KEEP: bool = true;
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
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read_write> u: array<f32>;
@group(0) @binding(5) var<storage, read_write> history: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> states: array<vec2<f32>, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row_index = group_id.x + group_id.y * group_counts.x;
  let row = min(row_index, params.problems * params.n - 1u);
  let problem = row / params.n;
  let runs = row_index < params.problems * params.n && used[problem] == 0u;
  let cost_at = row * params.m;
  let v_at = problem * params.m;
  // (maximum, sum of exponentials relative to it)
  var state = vec2<f32>(DEAD, 0.0);
  if (runs) {
    for (var j = lane; j < params.m; j += 4u * LANES) {
      let columns = vec4<u32>(j, j + LANES, j + 2u * LANES, j + 3u * LANES);
      let k = min(columns, vec4<u32>(params.m - 1u));
      let c = vec4<f32>(cost[cost_at + k.x], cost[cost_at + k.y], cost[cost_at + k.z], cost[cost_at + k.w]);
      let g = vec4<f32>(v[v_at + k.x], v[v_at + k.y], v[v_at + k.z], v[v_at + k.w]);
      let x = select(vec4<f32>(DEAD), g - c * params.inverse_epsilon, columns < vec4<u32>(params.m));
      let highest = max(state.x, max(max(x.x, x.y), max(x.z, x.w)));
      let e = exp(x - vec4<f32>(highest));
      state = vec2<f32>(highest, state.y * exp(state.x - highest) + ((e.x + e.y) + (e.z + e.w)));
    }
  }
  states[lane] = state;
  for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      let other = states[lane + stride];
      let highest = max(state.x, other.x);
      state = vec2<f32>(highest, state.y * exp(state.x - highest) + other.y * exp(other.x - highest));
      states[lane] = state;
    }
  }
  if (!runs || lane > 0u) {
    return;
  }
  let mass = a[row];
  var value = DEAD;
  var slip = 0.0;
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass > 0.0 && state.x >= DEAD * 0.5) {
    let log_sum = log(state.y);
    value = params.lambda * (log(mass) - (state.x + log_sum));
    slip = (log(mass) - value / params.lambda - state.x) - log_sum;
  }
  u[row] = value;
  if (KEEP) {
    let lines = params.n + params.m;
    let at = (problem * (params.iterations + 1u) + params.step) * 2u * lines + row % params.n;
    history[at] = value;
    history[at + lines] = slip;
  }
}
