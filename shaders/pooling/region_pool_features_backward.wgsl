// Region-masked pooling, gradient of the features:
//
//   dx[b, p, c] = sum_r m[b, r, p] dy[b, r, c] / max(mass[b, r], epsilon)
//
//   dy [B, R, C]   m [B, R, P]   mass [B, R]   dx [B, P, C]
//
// Dispatch: workgroup (channel tile, position tile, image) of CHANNELS x POSITIONS invocations; one invocation has
// one channel and 4 consecutive positions, so that a load of dy serves 4 multiply-adds. Neighbours write
// neighbouring channels. No invocation waits for another.

const CHANNELS: u32 = 32u;
const POSITIONS: u32 = 4u;
const INVOCATIONS: u32 = CHANNELS * POSITIONS;

struct Params {
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

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let channel = group_id.x * CHANNELS + invocation % CHANNELS;
  let first = (group_id.y * POSITIONS + invocation / CHANNELS) * 4u;
  let image = group_id.z;
  if (channel >= params.channels || first >= params.positions) {
    return;
  }
  let p = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.positions - 1u));
  var sum = vec4<f32>();
  for (var r = 0u; r < params.regions; r++) {
    let region = image * params.regions + r;
    let slope = dy[region * params.channels + channel] / max(mass[region], params.epsilon);
    let m_at = region * params.positions;
    sum += vec4<f32>(m[m_at + p.x], m[m_at + p.y], m[m_at + p.z], m[m_at + p.w]) * slope;
  }
  let at = (image * params.positions + first) * params.channels + channel;
  dx[at] = sum.x;
  if (first + 1u < params.positions) {
    dx[at + params.channels] = sum.y;
  }
  if (first + 2u < params.positions) {
    dx[at + 2u * params.channels] = sum.z;
  }
  if (first + 3u < params.positions) {
    dx[at + 3u * params.channels] = sum.w;
  }
}
