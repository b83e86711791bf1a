// Region-masked pooling, gradient of the features:
//
//   dx[b, p, c] = sum_r m[b, r, p] dy[b, r, c] / max(mass[b, r], epsilon)
//
//   dy [B, R, C]   m [B, R, P]   mass [B, R]   dx [B, P, C]
//
// Dispatch: one invocation per image, 4 positions and 4 channels: 16 multiply-adds for 9 loads at each region. The
// 4 channels are CHANNEL_LANES apart, and CHANNEL_LANES neighbours share the positions, so that they read and
// write whole pieces of a row. No invocation waits for another. Workgroups spill from x into y.

const CHANNEL_LANES: u32 = 8u;
const INVOCATIONS: u32 = 64u;

struct Params {
  images: u32,
  positions: u32,
  channels: u32,
  regions: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read> mass: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

fn write_row(position: u32, image: u32, channel: u32, sum: vec4<f32>) {
  if (position >= params.positions) {
    return;
  }
  let at = (image * params.positions + position) * params.channels + channel;
  if (channel < params.channels) {
    dx[at] = sum.x;
  }
  if (channel + CHANNEL_LANES < params.channels) {
    dx[at + CHANNEL_LANES] = sum.y;
  }
  if (channel + 2u * CHANNEL_LANES < params.channels) {
    dx[at + 2u * CHANNEL_LANES] = sum.z;
  }
  if (channel + 3u * CHANNEL_LANES < params.channels) {
    dx[at + 3u * CHANNEL_LANES] = sum.w;
  }
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let index = id.x + id.y * group_counts.x * INVOCATIONS;
  let tile = index / CHANNEL_LANES;
  let channel_tiles = (params.channels + 4u * CHANNEL_LANES - 1u) / (4u * CHANNEL_LANES);
  let position_tiles = (params.positions + 3u) / 4u;
  let channel = tile % channel_tiles * 4u * CHANNEL_LANES + index % CHANNEL_LANES;
  let position = tile / channel_tiles % position_tiles * 4u;
  let image = tile / (channel_tiles * position_tiles);
  if (image >= params.images) {
    return;
  }
  let four = vec4<u32>(0u, 1u, 2u, 3u);
  let channels = min(vec4<u32>(channel) + four * CHANNEL_LANES, vec4<u32>(params.channels - 1u));
  let positions = min(vec4<u32>(position) + four, vec4<u32>(params.positions - 1u));
  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var r = 0u; r < params.regions; r++) {
    let region = image * params.regions + r;
    let dy_at = vec4<u32>(region * params.channels) + channels;
    let m_at = vec4<u32>(region * params.positions) + positions;
    let slope = vec4<f32>(dy[dy_at.x], dy[dy_at.y], dy[dy_at.z], dy[dy_at.w]) / max(mass[region], params.epsilon);
    let w = vec4<f32>(m[m_at.x], m[m_at.y], m[m_at.z], m[m_at.w]);
    sum0 += w.x * slope;
    sum1 += w.y * slope;
    sum2 += w.z * slope;
    sum3 += w.w * slope;
  }
  write_row(position, image, channel, sum0);
  write_row(position + 1u, image, channel, sum1);
  write_row(position + 2u, image, channel, sum2);
  write_row(position + 3u, image, channel, sum3);
}
