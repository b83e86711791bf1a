// Entropic transport of large problems: one row update of every problem that still runs (formulas in sinkhorn.wgsl).
//
//   u_i = lambda (log a_i - LSE_j(v_j + K_ij))
//
//   logits [B, N, M]   a, u [B, N]   v [B, M]   used [B]: 0 while a problem runs
//   history [B, iterations + 1, N + M], row t: (maximum, sum) of the LSE of each row, then column (KEEP; a placeholder
//   otherwise)
//   Logits, u and v are two-part numbers (hi, lo), see logits.wgsl.
//
// Dispatch: one workgroup of LANES invocations per row, so that neighbours read neighbouring logits. Each keeps a
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
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read_write> u: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> history: array<vec2<f32>>;
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
  let logits_at = row * params.m;
  let v_at = problem * params.m;
  // (maximum, sum of exponentials relative to it)
  var state = vec2<f32>(DEAD, 0.0);
  if (runs) {
    for (var j = lane; j < params.m; j += 4u * LANES) {
      let columns = vec4<u32>(j, j + LANES, j + 2u * LANES, j + 3u * LANES);
      let k = min(columns, vec4<u32>(params.m - 1u));
      let x0 = logits[logits_at + k.x] + v[v_at + k.x];
      let x1 = logits[logits_at + k.y] + v[v_at + k.y];
      let x2 = logits[logits_at + k.z] + v[v_at + k.z];
      let x3 = logits[logits_at + k.w] + v[v_at + k.w];
      let x = select(vec4<f32>(DEAD), vec4<f32>(x0.x, x1.x, x2.x, x3.x), columns < vec4<u32>(params.m));
      let highest = max(state.x, max(max(x.x, x.y), max(x.z, x.w)));
      let e = exp((x - vec4<f32>(highest)) + vec4<f32>(x0.y, x1.y, x2.y, x3.y));
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
  var value = vec2<f32>(DEAD, 0.0);
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass > 0.0 && state.x >= DEAD * 0.5) {
    // The maximum is a multiple of 1/1024 already, and what comes besides is small.
    let hard = log(mass) - log(state.y);
    let small = hard - (hard - state.x) * params.relaxation;
    let rounded = round(small * 1024.0) * 0.0009765625;
    value = vec2<f32>(rounded - state.x, small - rounded);
  }
  u[row] = value;
  if (KEEP) {
    let lines = params.n + params.m;
    let at = (problem * (params.iterations + 1u) + params.step) * lines + row % params.n;
    history[at] = state;
  }
}
