// Exponential moving average of an arena of parameters, in place: average = tau average + (1 - tau) online.
//
// With GATED a gate of 0 (a step whose gradient is not finite) leaves the average as it is.
//
// average, online: count vec4; tau: [1], in storage so that a captured step can change it; gate: [1] or more, its first
// is read.
// Dispatch: one thread per PER_THREAD vec4, strided by the workgroup (coalesced); workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
const GATED: bool = false;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> online: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> tau: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gate: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  if (GATED && gate[0] == 0.0) {
    return;
  }
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  let kept = tau[0];
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      average[i] = average[i] + (1.0 - kept) * (online[i] - average[i]);
    }
  }
}
