// Entropic transport relative to a prior: argmin <P, C> + eps KL(P || prior) is plain Sinkhorn on
//   y = cost - eps log prior, and FORBIDDEN where the prior is 0 (or less): nothing may go there.
//
//   cost, y [B, N, M]; prior [N, M], or [B, N, M] when period = B N M: entry i uses prior[i % period].
//
// Dispatch: one invocation per entry; workgroups spill from x into y.

const FORBIDDEN: f32 = 1e30;

struct Params {
  count: u32,
  period: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> prior: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let i = id.x + id.y * group_counts.x * 64u;
  if (i >= params.count) {
    return;
  }
  let weight = prior[i % params.period];
  y[i] = select(FORBIDDEN, cost[i] - params.epsilon * log(max(weight, 1e-37)), weight > 0.0);
}
