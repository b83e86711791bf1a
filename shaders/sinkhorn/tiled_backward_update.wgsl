// Gradient of large transport problems: one update walked backwards, of all rows or of all columns.
//
// ROWS: the column update of iteration `step`, which ends in the rows:
//   du_i = sum_j W_ij h_j (and at a problem's last iteration what the plan gave);  W_ij = alpha_i A_ij / S_j
//   then for the row update of the same iteration: dlog a_i += lambda du_i, and the flow f_i = -lambda du_i / s_i
// otherwise: the row update of iteration `step`, which ends in the columns:
//   dv_j = sum_i W_ij h_i;  W_ij = beta_j A_ij / s_i with beta of iteration step - 1
//   then for the column update of iteration step - 1: dlog b_j += lambda dv_j, and the flow g_j = -lambda dv_j / S_j
//
// s and S are the sums that the forward pass had, so that weights sum to 1. What goes to dK is left to
// tiled_backward_cost.wgsl, which has alpha, beta, f and g of all iterations from `flows`. A problem of which a line was out of
// range of the scalings is walked in the log domain as in sinkhorn_backward.wgsl: W_ij = exp(u_i + K_ij - x_j) / S_j with x of
// history, and dK_ij += W_ij h_j in dcost.
//
//   logits [B, N, M] of (hi, lo), see logits.wgsl   dcost [B, N, M]: A, or dK in the log domain   transposed [B, M, N]: A
//   mass, dmass [B, N] or [B, M]; dmass holds dlog a or dlog b   inflow [B, N]: what the plan gave
//   history as in tiled_update.wgsl and tiled_residual.wgsl
//   flows [B, iterations + 1, N + M]: (flow / sum, alpha or beta), or in the log domain (flow / sum, x). Row 0 has what
//   columns began with
//
// Dispatch: as tiled_update.wgsl.

const LANES: u32 = 128u;
const ROWS: bool = true;
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
@group(0) @binding(1) var<storage, read> transposed: array<f32>;
@group(0) @binding(2) var<storage, read> mass: array<f32>;
@group(0) @binding(3) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> inflow: array<f32>;
@group(0) @binding(5) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(6) var<storage, read_write> flows: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> dmass: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> sums: array<vec4<f32>, LANES>;

fn potential(weight: f32, state: vec2<f32>) -> vec2<f32> {
  // Below DEAD / 2 there is no entry that mass could go to.
  if (weight <= 0.0 || state.x < DEAD * 0.5) {
    return vec2<f32>(DEAD, 0.0);
  }
  // The offset is a multiple of 1/1024 already, and what comes besides is small.
  let hard = log(weight) - log(state.y);
  let small = hard - (hard - state.x) * params.relaxation;
  let rounded = round(small * 1024.0) * 0.0009765625;
  return vec2<f32>(rounded - state.x, small - rounded);
}

// What a lane's entries of a line hand to it in the log domain; they go to dcost too.
fn walk_logits(own: vec2<f32>, logits_at: u32, flows_at: u32, lane: u32) -> f32 {
  let stride = select(params.m, 1u, ROWS);
  var sum = 0.0;
  for (var t = lane; t < select(params.n, params.m, ROWS); t += LANES) {
    let flow = flows[flows_at + t];
    let x = own + logits[logits_at + t * stride];
    let entry = exp((x.x - flow.y) + x.y) * flow.x;
    sum += entry;
    dcost[logits_at + t * stride] += entry;
  }
  return sum;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let lines = select(params.m, params.n, ROWS);
  let terms = select(params.n, params.m, ROWS);
  let tiles = (lines + 3u) / 4u;
  let tile = group_id.x + group_id.y * group_counts.x;
  let problem = min(tile / tiles, params.problems - 1u);
  let first = tile % tiles * 4u;
  let all = params.n + params.m;
  let history_at = problem * (params.iterations + 1u) * all;
  // (iterations done, whether the log domain was needed)
  let head = history[history_at];
  let last = u32(head.x);
  let runs = tile < params.problems * tiles && params.step <= last;
  // The iteration whose update of these lines comes next; before the first one, columns have what they began with.
  let next = select(params.step - 1u, params.step, ROWS);
  let own_at = history_at + next * all + select(params.n, 0u, ROWS);
  let flows_at = history_at + params.step * all + select(0u, params.n, ROWS);
  let entries = problem * params.n * params.m;
  var sum = vec4<f32>();
  if (runs && head.y == 0.0) {
    let at = min(vec4<u32>(first, first + 1u, first + 2u, first + 3u), vec4<u32>(lines - 1u)) * terms + entries;
    for (var t = lane; t < terms; t += LANES) {
      let flow = flows[flows_at + t].x;
      if (ROWS) {
        sum += vec4<f32>(dcost[at.x + t], dcost[at.y + t], dcost[at.z + t], dcost[at.w + t]) * flow;
      } else {
        sum += vec4<f32>(transposed[at.x + t], transposed[at.y + t], transposed[at.z + t], transposed[at.w + t]) * flow;
      }
    }
  } else if (runs) {
    for (var l = 0u; l < min(4u, lines - first); l++) {
      let line = first + l;
      var own = vec2<f32>();
      if (next > 0u) {
        own = potential(mass[problem * lines + line], history[own_at + line]);
      }
      let part = walk_logits(own, entries + line * select(1u, params.m, ROWS), flows_at, lane);
      sum += select(vec4<f32>(), vec4<f32>(part), vec4<u32>(l) == vec4<u32>(0u, 1u, 2u, 3u));
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
  let line = first + lane;
  if (!runs || lane > 3u || line >= lines) {
    return;
  }
  let state = history[own_at + line];
  if (next == 0u) {
    flows[own_at + line] = vec2<f32>(0.0, state.y);
    return;
  }
  let weight = mass[problem * lines + line];
  let alive = weight > 0.0 && state.x > DEAD * 0.5;
  let excess = (log(weight) - log(state.y) - state.x) * params.relaxation;
  // As in the forward pass.
  let scaling = select(0.0, weight / state.y * select(exp(-excess), 1.0, excess == 0.0), alive);
  var slope = sums[0][lane] * select(1.0, scaling, head.y == 0.0);
  if (ROWS && params.step == last) {
    slope += inflow[problem * lines + line];
  }
  let flow = select(0.0, params.lambda * slope, alive);
  dmass[problem * lines + line] += flow;
  // Nothing comes near the maximum of a dead line.
  flows[own_at + line] = vec2<f32>(-flow / select(1.0, state.y, alive), select(scaling, select(-DEAD, state.x, alive), head.y > 0.0));
}
