// Entropic transport, before the iterations (forward and backward): the matrix in scaling form,
//
//   A_ij = exp(K_ij - r_i - c_j), between 0 and 1, and its transpose
//
//   logits [B, N, M] of (hi, lo), see logits.wgsl   lines [B, N + M]: offsets r and c, see offsets.wgsl
//   matrix [B, N, M]   transposed [B, M, N] (TRANSPOSED; a placeholder otherwise)
//
// With both, sums of rows and of columns read neighbouring numbers. matrix is a buffer that gets its own contents
// after the iterations: the plan's, or that of the gradient of the cost.
//
// Dispatch: one invocation per entry; workgroups spill from x into y.

const TRANSPOSED: bool = true;
const DEAD: f32 = -1e30;

struct Params {
  count: u32,
  n: u32,
  m: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> lines: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> matrix: array<f32>;
@group(0) @binding(3) var<storage, read_write> transposed: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

// exp(hi + lo) for hi <= 0, as in sinkhorn_thread.wgsl.
fn exponential(hi: f32, lo: f32) -> f32 {
  let clipped = max(hi, -200.0);
  let k = round(clipped * 1.442695);
  // log 2 as 355 / 512, whose product with k is exact, and the rest.
  let rest = ((clipped - k * 0.693359375) + k * 2.1219444e-4) + lo;
  return exp(rest) * bitcast<f32>(u32(max(i32(k) + 127, 0)) << 23u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let index = id.x + id.y * group_counts.x * 64u;
  if (index >= params.count) {
    return;
  }
  let row = index / params.m;
  let j = index % params.m;
  let problem = row / params.n;
  let i = row % params.n;
  let at = problem * (params.n + params.m);
  let k = logits[index];
  // A forbidden entry may have forbidden lines, whose offsets would take it back.
  let x = select(exponential((k.x - lines[at + i].z) - lines[at + params.n + j].z, k.y), 0.0, k.x < DEAD * 0.5);
  matrix[index] = x;
  if (TRANSPOSED) {
    transposed[(problem * params.m + j) * params.n + i] = x;
  }
}
