// First launch of the Sinkhorn rival's backward pass (bench/composed/sinkhorn.ts): what the plan hands to the last iteration,
//   inflow_i = sum_j dplan_ij A_ij beta_j  (added to by the last row step),   Q_j = sum_i dplan_ij A_ij alpha_i,
//   share_j = beta_j Q_j / b_j,  slope_b_j = share_j,  g_j = -beta_j share_j    (as sinkhorn_scale_backward.wgsl).
//
//   matrix, mass (of b), alpha, beta, inflow, slope, flow: [blocks, rows, 32] as in sinkhorn_start.wgsl; alpha, beta and flow (g) hold
//   iterations one after the other, of which the last begin at alpha_at, beta_at and flow_at.   dplan [B, N, M]
//
// Dispatch: as sinkhorn_start.wgsl.
const N: u32 = 12u;
const M: u32 = 12u;
const LONGER: u32 = max(N, M);

struct Params { problems: u32, blocks: u32, alpha_at: u32, beta_at: u32, flow_at: u32 }

@group(0) @binding(0) var<storage, read> matrix: array<f32>;
@group(0) @binding(1) var<storage, read> mass: array<f32>;
@group(0) @binding(2) var<storage, read> alpha: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> dplan: array<f32>;
@group(0) @binding(5) var<storage, read_write> inflow: array<f32>;
@group(0) @binding(6) var<storage, read_write> slope: array<f32>;
@group(0) @binding(7) var<storage, read_write> flow: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  let x = (thread / 32u) % LONGER;
  let section = thread / (32u * LONGER);
  let within = thread % 32u;
  if (section >= params.blocks) {
    return;
  }
  // Past the end of the batch any problem's numbers do: nobody reads what comes of them.
  let problem = min(section * 32u + within, params.problems - 1u);
  if (x < N) {
    var sum = 0.0;
    for (var j = 0u; j < M; j += 1u) {
      let entry = x * M + j;
      sum += dplan[problem * N * M + entry] * matrix[(section * N * M + entry) * 32u + within] * beta[params.beta_at + (section * M + j) * 32u + within];
    }
    inflow[(section * N + x) * 32u + within] = sum;
  }
  if (x < M) {
    var sum = 0.0;
    for (var i = 0u; i < N; i += 1u) {
      let entry = i * M + x;
      sum += dplan[problem * N * M + entry] * matrix[(section * N * M + entry) * 32u + within] * alpha[params.alpha_at + (section * N + i) * 32u + within];
    }
    let at = (section * M + x) * 32u + within;
    let scaling = beta[params.beta_at + at];
    let share = select(0.0, scaling / mass[at] * sum, mass[at] > 0.0);
    slope[at] = share;
    flow[params.flow_at + at] = -scaling * share;
  }
}
