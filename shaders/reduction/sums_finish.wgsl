// Second stages of several sums in one launch: y[to] = offset + factor * sum over i < count of map(partial[from + i stride]).
//   map 0: the values themselves    map 1: their square roots
//
// partial: first stages, anywhere in it; y: results, anywhere in it; sums: for each of them from, to, count and map, then
// stride, the bits of factor and of offset, and a number that is not used.
// Dispatch: one workgroup per sum; every lane adds each 64th value, the first lane adds the 64 sums (fixed order).
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read> sums: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> lanes: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let places = sums[2u * group.x];
  let numbers = sums[2u * group.x + 1u];
  var sum = 0.0;
  for (var i = lane; i < places.z; i += 64u) {
    let value = partial[places.x + i * numbers.x];
    sum += select(value, sqrt(max(value, 0.0)), places.w == 1u);
  }
  lanes[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var k = 0u; k < 64u; k += 1u) {
      total += lanes[k];
    }
    y[places.y] = bitcast<f32>(numbers.z) + bitcast<f32>(numbers.y) * total;
  }
}
