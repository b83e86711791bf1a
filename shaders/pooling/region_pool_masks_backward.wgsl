// Region-masked pooling, gradient of the maps:
//
//   dm[b, r, p] = sum_c (x[b, p, c] - y[b, r, c]) dy[b, r, c] / mass[b, r],   0 where mass[b, r] <= epsilon
//
//   x [B, P, C]   y, dy [B, R, C]   mass [B, R]   dm [B, R, P]
//
// An empty region gets no gradient: 1 / epsilon would make a huge one out of a map that marks nothing.
//
// Dispatch: workgroup (position tile, region tile, image); one invocation has one position and 4 regions, so that a
// load of x serves 4 products. Invocations walk their own row of x from cache line to cache line.

struct Params {
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

fn write_slope(region: u32, image: u32, position: u32, sum: f32) {
  if (region < params.regions) {
    let index = image * params.regions + region;
    let z = mass[index];
    dm[index * params.positions + position] = select(0.0, sum / max(z, params.epsilon), z > params.epsilon);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let position = group_id.x * 64u + invocation;
  let image = group_id.z;
  if (position >= params.positions) {
    return;
  }
  let first_region = group_id.y * 4u;
  let regions = min(vec4<u32>(first_region) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.regions - 1u));
  let at = (vec4<u32>(image * params.regions) + regions) * params.channels;
  let x_at = (image * params.positions + position) * params.channels;
  var sum = vec4<f32>();
  for (var c = 0u; c < params.channels; c++) {
    let mean = vec4<f32>(y[at.x + c], y[at.y + c], y[at.z + c], y[at.w + c]);
    let slope = vec4<f32>(dy[at.x + c], dy[at.y + c], dy[at.z + c], dy[at.w + c]);
    sum += (vec4<f32>(x[x_at + c]) - mean) * slope;
  }
  write_slope(first_region, image, position, sum.x);
  write_slope(first_region + 1u, image, position, sum.y);
  write_slope(first_region + 2u, image, position, sum.z);
  write_slope(first_region + 3u, image, position, sum.w);
}
