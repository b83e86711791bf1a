// y of x for the Sinkhorn rival (bench/composed/sinkhorn.ts): gradients of masses from blocks of problems, x [blocks, SIZE, 32] as in
// sinkhorn_start.wgsl, y [B, SIZE].
//
// Dispatch: one thread per element of y; workgroups spill from x into y.
const SIZE: u32 = 12u;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread < params.count) {
    let problem = thread / SIZE;
    y[thread] = x[((problem / 32u) * SIZE + thread % SIZE) * 32u + problem % 32u];
  }
}
