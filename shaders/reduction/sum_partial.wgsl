// First stage of a sum over all elements: partial[w] = sum of map(x[i]) over the elements of workgroup w.
//   MAP 0: x    MAP 1: x^2    MAP 2: x log x (0 at x <= 0)
//
// x: count floats; partial: one float per workgroup.
//
// Dispatch: up to 256 workgroups in x that stride through x together (coalesced); within a workgroup every lane adds
// its own elements and the first lane adds the 64 sums: one barrier, fixed order.
const MAP: u32 = 0u;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

fn mapped(value: f32) -> f32 {
  if (MAP == 1u) {
    return value * value;
  }
  if (MAP == 2u) {
    return select(0.0, value * log(max(value, 1e-37)), value > 0.0);
  }
  return value;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = group.x * 64u + lane; i < params.count; i += groups.x * 64u) {
    sum += mapped(x[i]);
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
