// Last launch of the Sinkhorn rival's forward pass (bench/composed/sinkhorn.ts): plan_ij = alpha_i A_ij beta_j.
//
//   matrix, alpha, beta: [blocks, rows, 32] as in sinkhorn_start.wgsl, alpha and beta of the last iteration from alpha_at and beta_at on
//   plan [B, N, M]
//
// Dispatch: one thread per entry, in the order of the plan; workgroups spill from x into y.
const N: u32 = 12u;
const M: u32 = 12u;

struct Params { count: u32, alpha_at: u32, beta_at: u32 }

@group(0) @binding(0) var<storage, read> matrix: array<f32>;
@group(0) @binding(1) var<storage, read> alpha: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> plan: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.count) {
    return;
  }
  let problem = thread / (N * M);
  let entry = thread % (N * M);
  let section = problem / 32u;
  let within = problem % 32u;
  let row = alpha[params.alpha_at + (section * N + entry / M) * 32u + within];
  let column = beta[params.beta_at + (section * M + entry % M) * 32u + within];
  plan[thread] = row * matrix[(section * N * M + entry) * 32u + within] * column;
}
