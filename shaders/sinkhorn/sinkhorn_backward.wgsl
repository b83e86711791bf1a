// Exact gradient of sinkhorn.wgsl: the iterations it did, walked backwards.
//
//   dK_ij = dplan_ij plan_ij,  du_i = sum_j dK_ij,  dv_j = sum_i dK_ij          (from the plan)
//   v step:  h_j = -lambda dv_j,  W_ij = exp(u_i + K_ij - LSE_j),  du_i += sum_j W_ij h_j,  dK_ij += W_ij h_j
//   u step:  h_i = -lambda du_i,  W_ij = exp(v_j + K_ij - LSE_i),  dv_j  = sum_i W_ij h_i,  dK_ij += W_ij h_i
//   dlog a_i += lambda du_i,  dlog b_j += lambda dv_j;  dcost = -dK / eps,  da = dlog a / a,  db = dlog b / b
//
// LSE need not be computed again: LSE_i = log a_i - u_i / lambda - slip_i; the slip goes into h_i. Zero masses and dead rows get no gradient.
// Layouts as in sinkhorn.wgsl; dplan, dcost [B, N, M], da [B, N], db [B, M].
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
const ROW: u32 = 2u * (N + M);

struct Params {
  problems: u32,
  iterations: u32,
  inverse_epsilon: f32,
  lambda: f32,
}

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> history: array<f32>;
@group(0) @binding(4) var<storage, read> dplan: array<f32>;
@group(0) @binding(5) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(6) var<storage, read_write> da: array<f32>;
@group(0) @binding(7) var<storage, read_write> db: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> dk: array<f32, SUMS>;
// Of the step at hand: LSE and h; then du and dv, and the sums of dlog a and dlog b. Rows first, then columns.
var<workgroup> offsets: array<f32, SLOTS * (N + M)>;
var<workgroup> flows: array<f32, SLOTS * (N + M)>;
var<workgroup> slopes: array<f32, SLOTS * (N + M)>;
var<workgroup> mass_slopes: array<f32, SLOTS * (N + M)>;

fn add_to(slot: u32, cost_at: u32, index: u32, value: f32) {
  if (IN_WORKGROUP) {
    dk[slot * (SUMS / SLOTS) + index] += value;
  } else {
    dcost[cost_at + index] += value;
  }
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
  let exists = problem_index < params.problems;
  let problem = min(problem_index, params.problems - 1u);
  let cost_at = problem * N * M;
  let rows_at = slot * (N + M);
  let columns_at = rows_at + N;
  let history_at = problem * (params.iterations + 1u) * ROW;
  let iterations_done = select(0u, u32(history[history_at]), exists);
  let last_at = history_at + iterations_done * ROW;

  if (exists) {
    for (var i = lane; i < N; i += LANES) {
      let u_i = history[last_at + i];
      var sum = 0.0;
      for (var j = 0u; j < M; j++) {
        let index = i * M + j;
        let entry = exp(u_i + history[last_at + N + j] - cost[cost_at + index] * params.inverse_epsilon) * dplan[cost_at + index];
        sum += entry;
        if (IN_WORKGROUP) {
          dk[slot * (SUMS / SLOTS) + index] = entry;
        } else {
          dcost[cost_at + index] = entry;
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
          sum += dcost[cost_at + i * M + j];
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
    let row_at = history_at + t * ROW;

    if (running) {
      for (var j = lane; j < M; j += LANES) {
        let v_j = history[row_at + N + j];
        let mass = b[problem * M + j];
        let alive = v_j > DEAD * 0.5;
        let flow = select(0.0, params.lambda * slopes[columns_at + j], alive);
        mass_slopes[columns_at + j] += flow;
        flows[columns_at + j] = -flow * exp(history[row_at + N + M + N + j]);
        offsets[columns_at + j] = select(-DEAD, log(select(1.0, mass, alive)) - v_j / params.lambda, alive);
      }
    }
    workgroupBarrier();
    if (running) {
      for (var i = lane; i < N; i += LANES) {
        let u_i = history[row_at + i];
        var sum = slopes[rows_at + i];
        // Only the last iteration's u is used by the plan; slopes of rows start from zero afterwards.
        for (var j = 0u; j < M; j++) {
          let index = i * M + j;
          let entry = exp(u_i - cost[cost_at + index] * params.inverse_epsilon - offsets[columns_at + j]) * flows[columns_at + j];
          sum += entry;
          add_to(slot, cost_at, index, entry);
        }
        let mass = a[problem * N + i];
        let alive = u_i > DEAD * 0.5;
        let flow = select(0.0, params.lambda * sum, alive);
        mass_slopes[rows_at + i] += flow;
        flows[rows_at + i] = -flow * exp(history[row_at + N + M + i]);
        offsets[rows_at + i] = select(-DEAD, log(select(1.0, mass, alive)) - u_i / params.lambda, alive);
        slopes[rows_at + i] = 0.0;
      }
    }
    workgroupBarrier();
    storageBarrier();
    if (running) {
      for (var j = lane; j < M; j += LANES) {
        var v_j = 0.0;
        if (t > 1u) {
          v_j = history[row_at - ROW + N + j];
        }
        var sum = 0.0;
        for (var i = 0u; i < N; i++) {
          let index = i * M + j;
          let entry = exp(v_j - cost[cost_at + index] * params.inverse_epsilon - offsets[rows_at + i]) * flows[rows_at + i];
          sum += entry;
          add_to(slot, cost_at, index, entry);
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
        dcost[cost_at + index] = -params.inverse_epsilon * dk[slot * (SUMS / SLOTS) + index];
      } else {
        dcost[cost_at + index] *= -params.inverse_epsilon;
      }
    }
  }
}
