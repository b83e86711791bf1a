// The device's copy bandwidth: y[i] = x[i].
//
// x, y: count vec4 of floats. Every byte is read once and written once, so 32 bytes move per vec4.
//
// Dispatch: workgroups of 64 threads; a thread copies PER_THREAD vec4, each 64 apart from its last, so that neighbours
// touch neighbours. Workgroups spill from x into y. The harness tries several PER_THREAD and takes the fastest.
const PER_THREAD: u32 = 4u;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      y[i] = x[i];
    }
  }
}
