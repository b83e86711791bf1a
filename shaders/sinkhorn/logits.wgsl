// Logits of entropic transport: K = -cost / eps, or -cost / eps + log prior (argmin <P, C> + eps KL(P || prior) is plain
// Sinkhorn on cost - eps log prior), each as a sum of two numbers:
//
//   hi, a multiple of 1/1024, and lo, at most half of that, so that hi + lo is K to far more digits than an f32 holds.
//
// Sums of hi parts are exact below 2^14, so exponents lose nothing to the size of cost / eps, which is 100 for a cost of
// 1 at eps = 0.01: rounding K to f32 there moves a plan by 4e-6, and gradients through thousands of iterations by more.
//
//   cost [B, N, M]   y [B, N, M] of (hi, lo)   prior [N, M], or [B, N, M] when period = B N M: entry i uses
//   prior[i % period] (PRIOR; a placeholder otherwise). A prior of 0 (or less) or a cost of 1e30 forbids an entry.
//
// Dispatch: one invocation per entry; workgroups spill from x into y.

const PRIOR: bool = false;
const DEAD: f32 = -1e30;

struct Params {
  count: u32,
  period: u32,
  // 1 / eps as a sum: 12 bits, and the rest.
  inverse_high: f32,
  inverse_low: f32,
}

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> prior: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec2<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

fn grid(x: f32) -> f32 {
  return round(x * 1024.0) * 0.0009765625;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let i = id.x + id.y * group_counts.x * 64u;
  if (i >= params.count) {
    return;
  }
  let c = cost[i];
  // The first 12 bits of the cost: their product with 12 bits of 1 / eps is exact.
  let c_high = bitcast<f32>(bitcast<u32>(c) & 0xfffff000u);
  let c_low = c - c_high;
  let product = -c_high * params.inverse_high;
  let rest = -(c_high * params.inverse_low + c_low * params.inverse_high + c_low * params.inverse_low);
  var hi = grid(product + rest);
  var lo = (product - hi) + rest;
  var forbidden = c >= -DEAD;
  if (PRIOR) {
    let weight = prior[i % params.period];
    let log_weight = log(max(weight, 1e-37));
    let log_high = grid(log_weight);
    hi += log_high;
    lo += log_weight - log_high;
    forbidden = forbidden || weight <= 0.0;
  }
  y[i] = select(vec2<f32>(hi, lo), vec2<f32>(DEAD, 0.0), forbidden);
}
