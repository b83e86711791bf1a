// Entropic transport of large problems: one column update of every problem that still runs (formulas in sinkhorn.wgsl).
//
//   v_j = lambda (log b_j - LSE_i(u_i + K_ij))
//
//   logits [B, N, M]   b, v [B, M]   u [B, N]   used, history as in tiled_rows.wgsl
//
// Dispatch: one workgroup of COLUMNS x SLICES invocations per COLUMNS columns of a problem: neighbours read
// neighbouring columns, the slices take every SLICES-th row, four at a time, and a tree adds the slices up in a fixed
// order.

const COLUMNS: u32 = 16u;
const SLICES: u32 = 8u;
const KEEP: bool = true;

const INVOCATIONS: u32 = COLUMNS * SLICES;
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
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read_write> v: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> history: array<vec2<f32>>;
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> states: array<vec2<f32>, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let column_tiles = (params.m + COLUMNS - 1u) / COLUMNS;
  let tile = group_id.x + group_id.y * group_counts.x;
  let problem = min(tile / column_tiles, params.problems - 1u);
  let slice = invocation / COLUMNS;
  let column = tile % column_tiles * COLUMNS + invocation % COLUMNS;
  let runs = tile < params.problems * column_tiles && column < params.m && used[problem] == 0u;
  let logits_at = problem * params.n * params.m + column;
  let u_at = problem * params.n;
  // (maximum, sum of exponentials relative to it)
  var state = vec2<f32>(DEAD, 0.0);
  if (runs) {
    for (var i = slice; i < params.n; i += 4u * SLICES) {
      let rows = vec4<u32>(i, i + SLICES, i + 2u * SLICES, i + 3u * SLICES);
      let k = min(rows, vec4<u32>(params.n - 1u));
      let k_at = vec4<u32>(logits_at) + k * params.m;
      let x0 = logits[k_at.x] + u[u_at + k.x];
      let x1 = logits[k_at.y] + u[u_at + k.y];
      let x2 = logits[k_at.z] + u[u_at + k.z];
      let x3 = logits[k_at.w] + u[u_at + k.w];
      let x = select(vec4<f32>(DEAD), vec4<f32>(x0.x, x1.x, x2.x, x3.x), rows < vec4<u32>(params.n));
      let highest = max(state.x, max(max(x.x, x.y), max(x.z, x.w)));
      let e = exp((x - vec4<f32>(highest)) + vec4<f32>(x0.y, x1.y, x2.y, x3.y));
      state = vec2<f32>(highest, state.y * exp(state.x - highest) + ((e.x + e.y) + (e.z + e.w)));
    }
  }
  states[invocation] = state;
  for (var stride = SLICES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (slice < stride) {
      let other = states[invocation + stride * COLUMNS];
      let highest = max(state.x, other.x);
      state = vec2<f32>(highest, state.y * exp(state.x - highest) + other.y * exp(other.x - highest));
      states[invocation] = state;
    }
  }
  if (!runs || slice > 0u) {
    return;
  }
  let mass = b[problem * params.m + column];
  var value = vec2<f32>(DEAD, 0.0);
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass > 0.0 && state.x >= DEAD * 0.5) {
    // The maximum is a multiple of 1/1024 already, and what comes besides is small.
    let hard = log(mass) - log(state.y);
    let small = hard - (hard - state.x) * params.relaxation;
    let rounded = round(small * 1024.0) * 0.0009765625;
    value = vec2<f32>(rounded - state.x, small - rounded);
  }
  v[problem * params.m + column] = value;
  if (KEEP) {
    let lines = params.n + params.m;
    let at = (problem * (params.iterations + 1u) + params.step) * lines + params.n + column;
    history[at] = state;
  }
}
