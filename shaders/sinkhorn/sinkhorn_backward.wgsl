// Exact gradient of sinkhorn.wgsl: the iterations it did, walked backwards.
//
//   dK_ij = dplan_ij plan_ij,  du_i = sum_j dK_ij,  dv_j = sum_i dK_ij          (from the plan)
//   v step:  h_j = -lambda dv_j,  W_ij = exp(u_i + K_ij - LSE_j),  du_i += sum_j W_ij h_j,  dK_ij += W_ij h_j
//   u step:  h_i = -lambda du_i,  W_ij = exp(v_j + K_ij - LSE_i),  dv_j  = sum_i W_ij h_i,  dK_ij += W_ij h_i
//   dlog a_i += lambda du_i,  dlog b_j += lambda dv_j;  dcost = -dK / eps,  da = dlog a / a,  db = dlog b / b
//
// W_ij = exp(u_i + K_ij - maximum_j) / sum_j with the maximum and the sum that the forward pass had: the same exponentials
// as there, so that weights sum to 1 to the last bit but one. An error in their sum would add up over thousands of
// steps. Potentials come from the same two numbers again. Zero masses and dead rows get no gradient.
// Layouts and two-part numbers as in sinkhorn.wgsl; dplan, dcost [B, N, M], da [B, N], db [B, M].
//
// With hard marginals sum_j dv_j = 0 from the second v step on, but rounding leaves a remainder that no step changes and
// that every step adds to dlog a and dlog b, so every 16th step takes it out: dv_j -= b_j sum dv / sum b.
//
// Dispatch: as sinkhorn.wgsl. dK is summed in workgroup memory (IN_WORKGROUP) or, for problems too large for it,
// in dcost itself; rows own it in v steps and columns in u steps, with a barrier between.

const N: u32 = 12u;
const M: u32 = 12u;
const LANES: u32 = 16u;
const SLOTS: u32 = 2u;
const IN_WORKGROUP: bool = true;
// SLOTS * N * M, or 1 when dK is not in workgroup memory.
const SUMS: u32 = 288u;

const INVOCATIONS: u32 = LANES * SLOTS;
const DEAD: f32 = -1e30;
const BALANCE_EVERY: u32 = 16u;

struct Params {
  problems: u32,
  iterations: u32,
  inverse_epsilon: f32,
  lambda: f32,
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> dplan: array<f32>;
@group(0) @binding(5) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(6) var<storage, read_write> da: array<f32>;
@group(0) @binding(7) var<storage, read_write> db: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> dk: array<f32, SUMS>;
// Of the step at hand: maximum and h / sum; then du and dv, and the sums of dlog a and dlog b. Rows first, then columns.
var<workgroup> offsets: array<f32, SLOTS * (N + M)>;
var<workgroup> flows: array<f32, SLOTS * (N + M)>;
var<workgroup> slopes: array<f32, SLOTS * (N + M)>;
var<workgroup> mass_slopes: array<f32, SLOTS * (N + M)>;

fn add_to(slot: u32, matrix_at: u32, index: u32, value: f32) {
  if (IN_WORKGROUP) {
    dk[slot * (SUMS / SLOTS) + index] += value;
  } else {
    dcost[matrix_at + index] += value;
  }
}

fn entry(x: vec2<f32>) -> f32 {
  return exp(x.x + x.y);
}

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

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let slot = invocation / LANES;
  let lane = invocation % LANES;
  let problem_index = (group_id.x + group_id.y * group_counts.x) * SLOTS + slot;
  let problem = min(problem_index, params.problems - 1u);
  let matrix_at = problem * N * M;
  let rows_at = slot * (N + M);
  let columns_at = rows_at + N;
  let history_at = problem * (params.iterations + 1u) * (N + M);
  let head = history[history_at];
  // What was solved in scalings is walked back by sinkhorn_grid_backward.wgsl.
  let exists = problem_index < params.problems && head.y > 0.0;
  let iterations_done = select(0u, u32(head.x), exists);
  let last_at = history_at + iterations_done * (N + M);

  if (exists) {
    for (var i = lane; i < N; i += LANES) {
      let u_i = potential(a[problem * N + i], history[last_at + i]);
      var sum = 0.0;
      for (var j = 0u; j < M; j++) {
        let index = i * M + j;
        let v_j = potential(b[problem * M + j], history[last_at + N + j]);
        let change = entry(u_i + v_j + logits[matrix_at + index]) * dplan[matrix_at + index];
        sum += change;
        if (IN_WORKGROUP) {
          dk[slot * (SUMS / SLOTS) + index] = change;
        } else {
          dcost[matrix_at + index] = change;
        }
      }
      slopes[rows_at + i] = sum;
      mass_slopes[rows_at + i] = 0.0;
    }
  }
  workgroupBarrier();
  storageBarrier();
  if (exists) {
    for (var j = lane; j < M; j += LANES) {
      var sum = 0.0;
      for (var i = 0u; i < N; i++) {
        if (IN_WORKGROUP) {
          sum += dk[slot * (SUMS / SLOTS) + i * M + j];
        } else {
          sum += dcost[matrix_at + i * M + j];
        }
      }
      slopes[columns_at + j] = sum;
      mass_slopes[columns_at + j] = 0.0;
    }
  }
  // No barrier needed: the v step reads slopes of columns only where the same invocation wrote them.

  for (var back = 0u; back < params.iterations; back++) {
    let t = params.iterations - back;
    let running = t <= iterations_done;
    let row_at = history_at + t * (N + M);

    if (running) {
      var remainder = 0.0;
      if (params.relaxation == 0.0 && t < iterations_done && (iterations_done - t) % BALANCE_EVERY == 0u) {
        var all = 0.0;
        for (var j = 0u; j < M; j++) {
          remainder += slopes[columns_at + j];
          all += max(b[problem * M + j], 0.0);
        }
        remainder /= max(all, 1e-37);
      }
      for (var j = lane; j < M; j += LANES) {
        let state = history[row_at + N + j];
        let alive = b[problem * M + j] > 0.0 && state.x > DEAD * 0.5;
        let flow = select(0.0, params.lambda * (slopes[columns_at + j] - remainder * b[problem * M + j]), alive);
        mass_slopes[columns_at + j] += flow;
        // Nothing comes near the offset of a dead column.
        flows[columns_at + j] = -flow / select(1.0, state.y, alive);
        offsets[columns_at + j] = select(-DEAD, state.x, alive);
      }
    }
    workgroupBarrier();
    if (running) {
      for (var i = lane; i < N; i += LANES) {
        let mass = a[problem * N + i];
        let state = history[row_at + i];
        let u_i = potential(mass, state);
        var sum = slopes[rows_at + i];
        // Only the last iteration's u is used by the plan; slopes of rows start from zero afterwards.
        for (var j = 0u; j < M; j++) {
          let index = i * M + j;
          let x = u_i + logits[matrix_at + index];
          let change = exp((x.x - offsets[columns_at + j]) + x.y) * flows[columns_at + j];
          sum += change;
          add_to(slot, matrix_at, index, change);
        }
        let alive = u_i.x > DEAD * 0.5;
        let flow = select(0.0, params.lambda * sum, alive);
        mass_slopes[rows_at + i] += flow;
        flows[rows_at + i] = -flow / select(1.0, state.y, alive);
        offsets[rows_at + i] = select(-DEAD, state.x, alive);
        slopes[rows_at + i] = 0.0;
      }
    }
    workgroupBarrier();
    storageBarrier();
    if (running) {
      for (var j = lane; j < M; j += LANES) {
        var v_j = vec2<f32>();
        if (t > 1u) {
          v_j = potential(b[problem * M + j], history[row_at - (N + M) + N + j]);
        }
        var sum = 0.0;
        for (var i = 0u; i < N; i++) {
          let index = i * M + j;
          let x = v_j + logits[matrix_at + index];
          let change = exp((x.x - offsets[rows_at + i]) + x.y) * flows[rows_at + i];
          sum += change;
          add_to(slot, matrix_at, index, change);
        }
        slopes[columns_at + j] = sum;
      }
    }
    workgroupBarrier();
    storageBarrier();
  }

  if (exists) {
    for (var i = lane; i < N; i += LANES) {
      let mass = a[problem * N + i];
      da[problem * N + i] = select(0.0, mass_slopes[rows_at + i] / max(mass, 1e-37), mass > 0.0);
    }
    for (var j = lane; j < M; j += LANES) {
      let mass = b[problem * M + j];
      db[problem * M + j] = select(0.0, mass_slopes[columns_at + j] / max(mass, 1e-37), mass > 0.0);
    }
    for (var index = lane; index < N * M; index += LANES) {
      if (IN_WORKGROUP) {
        dcost[matrix_at + index] = -params.inverse_epsilon * dk[slot * (SUMS / SLOTS) + index];
      } else {
        dcost[matrix_at + index] *= -params.inverse_epsilon;
      }
    }
  }
}
