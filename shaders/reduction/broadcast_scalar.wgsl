// y[i] = factor * scalar[0]: the gradient of a sum or mean over all elements.
//
// scalar: [1]; y: count floats.
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;

struct Params { count: u32, factor: f32 }

@group(0) @binding(0) var<storage, read> scalar: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  let value = params.factor * scalar[0];
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      y[i] = value;
    }
  }
}
