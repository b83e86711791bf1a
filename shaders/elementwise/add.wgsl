// y[i] = a[i] + b[i]
//
// a, b, y: count floats, any shape.
// Dispatch: 1 thread per PER_THREAD elements, strided by the workgroup so that neighbours read neighbours;
// workgroups spill from x into y so that no axis exceeds 65,535.
const PER_THREAD: u32 = 4u;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      y[i] = a[i] + b[i];
    }
  }
}
