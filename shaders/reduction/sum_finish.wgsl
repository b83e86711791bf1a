// Second stage of a sum: y[0] = offset + factor * sum over i < count of map(partial[first + i stride]).
//   MAP 0: the values themselves    MAP 1: their square roots
//
// partial: first stage; y: [1].
// Dispatch: one workgroup; every lane adds each 64th value, the first lane adds the 64 sums (fixed order).
const MAP: u32 = 0u;

struct Params { count: u32, first: u32, stride: u32, factor: f32, offset: f32 }

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += 64u) {
    let value = partial[params.first + i * params.stride];
    sum += select(value, sqrt(max(value, 0.0)), MAP == 1u);
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var k = 0u; k < 64u; k += 1u) {
      total += sums[k];
    }
    y[0] = params.offset + params.factor * total;
  }
}
