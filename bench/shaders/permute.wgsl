// Exchanges dimensions, up to six of them: y[i0, ..., i5] = x[offset + i0 s0 + ... + i5 s5].
// With INVERSE the other way: y[offset + i0 s0 + ...] = x[i0, ..., i5], which is the gradient.
//
// The dense side is [n0, ..., n5]; s are the strides of the other side in the order of those dimensions.
// The last dimension stays the last and is counted in elements: f32, or vec4<f32> where it is a multiple of 4.
// Dispatch: one thread per PER_THREAD elements of the dense side, strided by the workgroup, so that its accesses are
// coalesced; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
const INVERSE: bool = false;
alias element = f32;

struct Params {
  count: u32, offset: u32,
  n1: u32, n2: u32, n3: u32, n4: u32, n5: u32,
  s0: u32, s1: u32, s2: u32, s3: u32, s4: u32, s5: u32,
}

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      var rest = i;
      var other = params.offset + (rest % params.n5) * params.s5;
      rest /= params.n5;
      other += (rest % params.n4) * params.s4;
      rest /= params.n4;
      other += (rest % params.n3) * params.s3;
      rest /= params.n3;
      other += (rest % params.n2) * params.s2;
      rest /= params.n2;
      other += (rest % params.n1) * params.s1;
      rest /= params.n1;
      other += rest * params.s0;
      if (INVERSE) {
        y[other] = x[i];
      } else {
        y[i] = x[other];
      }
    }
  }
}
