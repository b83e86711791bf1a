// Region-masked pooling, gradient of the maps:
//
//   dm[b, r, p] = sum_c (x[b, p, c] - y[b, r, c]) dy[b, r, c] / mass[b, r]
//
//   x [B, P, C]   y, dy [B, R, C]   mass [B, R]   dm [B, R, P]
//
// Where the mass is epsilon or less the divisor is the constant epsilon, and y drops out: sum_c x dy / epsilon. An
// empty region (mass 0) gets no gradient: 1 / epsilon would make a huge one out of a map that marks nothing. The mean
// is subtracted before the product, not after, because the two sums nearly cancel.
//
// Dispatch: one invocation per image, 4 regions and 4 positions (position tiles vary fastest): 16 products for 12
// loads at each channel. Invocations walk their own rows of x from cache line to cache line. No invocation waits for
// another. Workgroups spill from x into y.

const INVOCATIONS: u32 = 64u;

struct Params {
  images: u32,
  positions: u32,
  channels: u32,
  regions: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> mass: array<f32>;
@group(0) @binding(4) var<storage, read_write> dm: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn write_row(region: u32, image: u32, position: u32, sum: vec4<f32>) {
  if (region >= params.regions) {
    return;
  }
  let index = image * params.regions + region;
  let z = mass[index];
  let slope = select(vec4<f32>(), sum / max(z, params.epsilon), vec4<bool>(z > 0.0));
  let at = index * params.positions + position;
  dm[at] = slope.x;
  if (position + 1u < params.positions) {
    dm[at + 1u] = slope.y;
  }
  if (position + 2u < params.positions) {
    dm[at + 2u] = slope.z;
  }
  if (position + 3u < params.positions) {
    dm[at + 3u] = slope.w;
  }
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let index = id.x + id.y * group_counts.x * INVOCATIONS;
  let position_tiles = (params.positions + 3u) / 4u;
  let region_tiles = (params.regions + 3u) / 4u;
  let position = index % position_tiles * 4u;
  let region = index / position_tiles % region_tiles * 4u;
  let image = index / (position_tiles * region_tiles);
  if (image >= params.images) {
    return;
  }
  let four = vec4<u32>(0u, 1u, 2u, 3u);
  let positions = min(vec4<u32>(position) + four, vec4<u32>(params.positions - 1u));
  let regions = min(vec4<u32>(region) + four, vec4<u32>(params.regions - 1u));
  let x_at = (vec4<u32>(image * params.positions) + positions) * params.channels;
  let rows = vec4<u32>(image * params.regions) + regions;
  let y_at = rows * params.channels;
  let masses = vec4<f32>(mass[rows.x], mass[rows.y], mass[rows.z], mass[rows.w]);
  // 1 where the divisor is the mass itself, which moves with the map.
  let moves = select(vec4<f32>(), vec4<f32>(1.0), masses > vec4<f32>(params.epsilon));
  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var c = 0u; c < params.channels; c++) {
    let features = vec4<f32>(x[x_at.x + c], x[x_at.y + c], x[x_at.z + c], x[x_at.w + c]);
    let mean = moves * vec4<f32>(y[y_at.x + c], y[y_at.y + c], y[y_at.z + c], y[y_at.w + c]);
    let slope = vec4<f32>(dy[y_at.x + c], dy[y_at.y + c], dy[y_at.z + c], dy[y_at.w + c]);
    sum0 += (features - vec4<f32>(mean.x)) * slope.x;
    sum1 += (features - vec4<f32>(mean.y)) * slope.y;
    sum2 += (features - vec4<f32>(mean.z)) * slope.z;
    sum3 += (features - vec4<f32>(mean.w)) * slope.w;
  }
  write_row(region, image, position, sum0);
  write_row(region + 1u, image, position, sum1);
  write_row(region + 2u, image, position, sum2);
  write_row(region + 3u, image, position, sum3);
}
