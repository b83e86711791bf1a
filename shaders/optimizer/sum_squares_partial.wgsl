// First stage of the global gradient norm: partial[w] = sum of the squares that workgroup w reads.
//
// x: count vec4 (the gradient arena: a multiple of 64 floats, padding zero); partial: one float per workgroup.
// Dispatch: up to 1,024 workgroups in x that stride through the arena together, 256 vec4 each at a time: four loads of a
// lane are on their way at once. One barrier, fixed order.
struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var sum = vec4<f32>(0.0);
  for (var i = group.x * 256u + lane; i < params.count; i += groups.x * 256u) {
    let first = x[i];
    sum += first * first;
    if (i + 64u < params.count) {
      let second = x[i + 64u];
      sum += second * second;
    }
    if (i + 128u < params.count) {
      let third = x[i + 128u];
      sum += third * third;
    }
    if (i + 192u < params.count) {
      let fourth = x[i + 192u];
      sum += fourth * fourth;
    }
  }
  sums[lane] = sum.x + sum.y + (sum.z + sum.w);
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var k = 0u; k < 64u; k += 1u) {
      total += sums[k];
    }
    partial[group.x] = total;
  }
}
