// Exchanges the first two dimensions: y[b, a, r] = x[a, b, r]. With ADDS, before[b, a, r] is added: in a backward pass, the
// gradient from the tensor's other uses.
//
// x: [first, second, rest]; before, y: [second, first, rest]; before is not touched without ADDS.
// Dispatch: one thread per PER_THREAD elements of the output, strided by the workgroup (coalesced writes);
// workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
// rest is counted in elements: f32, or vec4<f32> where rest is a multiple of 4.
alias element = f32;
const ADDS: bool = false;

struct Params { first: u32, second: u32, rest: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> before: array<element>;
@group(0) @binding(2) var<storage, read_write> y: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.first * params.second * params.rest) {
      let r = i % params.rest;
      let pair = i / params.rest;
      let a = pair % params.first;
      let b = pair / params.first;
      var value = x[(a * params.second + b) * params.rest + r];
      if (ADDS) {
        value += before[i];
      }
      y[i] = value;
    }
  }
}
