// Entropic transport of large problems: the plan, and by how much each row misses its mass (formulas in sinkhorn.wgsl).
//
//   plan_ij = exp(u_i + v_j + K_ij),   miss_i = |a_i exp(-u_i eps / rho) - sum_j plan_ij|
//
//   logits, plan [B, N, M]   a, miss [B, N]   used [B]: 0 while a problem runs
//   lines [B, N + M]: u and v as (hi, lo, ...), see offsets.wgsl; logits are (hi, lo), see logits.wgsl
//
// STORE: whether plan is written, for all problems. Checks on the way want the misses of running problems alone.
//
// Dispatch: one workgroup of LANES invocations per row; a tree adds the lanes up in a fixed order.

const LANES: u32 = 64u;
const STORE: bool = true;
const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  n: u32,
  m: u32,
  // eps / rho, 0 for hard marginals.
  excess: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> lines: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read_write> plan: array<f32>;
@group(0) @binding(5) var<storage, read_write> miss: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row_index = group_id.x + group_id.y * group_counts.x;
  let row = min(row_index, params.problems * params.n - 1u);
  let problem = row / params.n;
  let wanted = row_index < params.problems * params.n && (STORE || used[problem] == 0u);
  let lines_at = problem * (params.n + params.m);
  let u_i = lines[lines_at + row % params.n].xy;
  var sum = 0.0;
  if (wanted) {
    for (var j = lane; j < params.m; j += LANES) {
      let index = row * params.m + j;
      let x = u_i + lines[lines_at + params.n + j].xy + logits[index];
      let entry = exp(x.x + x.y);
      sum += entry;
      if (STORE) {
        plan[index] = entry;
      }
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
  if (wanted && lane == 0u) {
    let mass = max(a[row], 0.0);
    // A row that cannot send its mass anywhere misses all of it.
    let target_mass = select(mass * exp(-(u_i.x + u_i.y) * params.excess), mass, u_i.x <= DEAD * 0.5);
    miss[row] = abs(target_mass - sum);
  }
}
