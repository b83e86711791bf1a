// First stage of a scalar product: partial[w] = sum of a[i] b[i] over the elements of workgroup w.
//
// a, b: count floats; partial: one float per workgroup.
//
// Dispatch: up to 256 workgroups in x that stride through the input together (coalesced); within a workgroup every
// lane adds its own elements and the first lane adds the 64 sums: one barrier, fixed order.
struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = group.x * 64u + lane; i < params.count; i += groups.x * 64u) {
    sum += a[i] * b[i];
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var k = 0u; k < 64u; k += 1u) {
      total += sums[k];
    }
    partial[group.x] = total;
  }
}
