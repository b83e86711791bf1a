// Region-masked pooling for adapters where workgroup memory and barriers cost more than loads (software adapters).
// Formula and layouts as in region_pool.wgsl:
//
//   mass[b, r] = sum_p m[b, r, p],   y[b, r, c] = sum_p m[b, r, p] x[b, p, c] / max(mass[b, r], epsilon)
//
// Dispatch: one invocation per image, 4 regions and 4 channels (channel tiles vary fastest): 16 multiply-adds for 8
// loads at each position. No invocation waits for another. Workgroups spill from x into y.

const INVOCATIONS: u32 = 16u;

struct Params {
  images: u32,
  positions: u32,
  channels: u32,
  regions: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> mass: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

fn write_row(region: u32, image: u32, channel: u32, sum: vec4<f32>, z: f32) {
  if (region >= params.regions) {
    return;
  }
  let mean = sum / max(z, params.epsilon);
  let at = (image * params.regions + region) * params.channels + channel;
  y[at] = mean.x;
  if (channel + 1u < params.channels) {
    y[at + 1u] = mean.y;
  }
  if (channel + 2u < params.channels) {
    y[at + 2u] = mean.z;
  }
  if (channel + 3u < params.channels) {
    y[at + 3u] = mean.w;
  }
  if (channel == 0u) {
    mass[image * params.regions + region] = z;
  }
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let index = id.x + id.y * group_counts.x * INVOCATIONS;
  let channel_tiles = (params.channels + 3u) / 4u;
  let region_tiles = (params.regions + 3u) / 4u;
  let channel = index % channel_tiles * 4u;
  let region = index / channel_tiles % region_tiles * 4u;
  let image = index / (channel_tiles * region_tiles);
  if (image >= params.images) {
    return;
  }
  // Channels and regions past the last repeat the last one and are not written.
  let four = vec4<u32>(0u, 1u, 2u, 3u);
  let channels = min(vec4<u32>(channel) + four, vec4<u32>(params.channels - 1u));
  let regions = min(vec4<u32>(region) + four, vec4<u32>(params.regions - 1u));
  var x_at = vec4<u32>(image * params.positions * params.channels) + channels;
  var m_at = (vec4<u32>(image * params.regions) + regions) * params.positions;
  var z = vec4<f32>();
  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var p = 0u; p < params.positions; p++) {
    let features = vec4<f32>(x[x_at.x], x[x_at.y], x[x_at.z], x[x_at.w]);
    let w = vec4<f32>(m[m_at.x], m[m_at.y], m[m_at.z], m[m_at.w]);
    z += w;
    sum0 += w.x * features;
    sum1 += w.y * features;
    sum2 += w.z * features;
    sum3 += w.w * features;
    x_at += vec4<u32>(params.channels);
    m_at += vec4<u32>(1u);
  }
  write_row(region, image, channel, sum0, z.x);
  write_row(region + 1u, image, channel, sum1, z.y);
  write_row(region + 2u, image, channel, sum2, z.z);
  write_row(region + 3u, image, channel, sum3, z.w);
}
