// Region-masked pooling: one feature per soft attention map.
//
//   mass[b, r] = sum_p m[b, r, p],   y[b, r, c] = sum_p m[b, r, p] x[b, p, c] / max(mass[b, r], epsilon)
//
//   x [B, P, C]   m [B, R, P]   y [B, R, C]   mass [B, R]          (P = H W positions)
//
// Dispatch: workgroup (channel tile, region tile, image) of CHANNELS x 4 invocations, for CHANNELS channels and 4 FOURS
// regions, so that x is read once for up to 12 regions. Neighbours read neighbouring channels; the 4 slices take every
// fourth position with a sum for each region in registers (4 FOURS multiply-adds for a load of x; loops over FOURS are
// of constant length), then, four regions after the other, slice s adds up region s of the four in a fixed order.

const CHANNELS: u32 = 32u;
const INVOCATIONS: u32 = CHANNELS * 4u;
// Regions of a tile in fours.
const FOURS: u32 = 3u;

struct Params {
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

var<workgroup> sums: array<vec4<f32>, INVOCATIONS>;
var<workgroup> masses: array<vec4<f32>, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let lane = invocation % CHANNELS;
  let slice = invocation / CHANNELS;
  let channel = group_id.x * CHANNELS + lane;
  let image = group_id.z;
  let first_region = group_id.y * 4u * FOURS;
  // Lanes past the last channel and regions past the last repeat the last one and write nothing.
  let x_at = image * params.positions * params.channels + min(channel, params.channels - 1u);
  var m_at: array<vec4<u32>, FOURS>;
  var own_sums: array<vec4<f32>, FOURS>;
  var own_masses: array<vec4<f32>, FOURS>;
  for (var f = 0u; f < FOURS; f += 1u) {
    let regions = min(vec4<u32>(first_region + 4u * f) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.regions - 1u));
    m_at[f] = (vec4<u32>(image * params.regions) + regions) * params.positions;
  }
  for (var p = slice; p < params.positions; p += 4u) {
    let feature = x[x_at + p * params.channels];
    for (var f = 0u; f < FOURS; f += 1u) {
      let at = m_at[f];
      let w = vec4<f32>(m[at.x + p], m[at.y + p], m[at.z + p], m[at.w + p]);
      own_sums[f] += w * feature;
      own_masses[f] += w;
    }
  }
  for (var f = 0u; f < FOURS; f += 1u) {
    if (f > 0u) {
      workgroupBarrier();
    }
    sums[invocation] = own_sums[f];
    masses[invocation] = own_masses[f];
    workgroupBarrier();
    let region = first_region + 4u * f + slice;
    if (channel < params.channels && region < params.regions) {
      var total = 0.0;
      var z = 0.0;
      for (var s = 0u; s < 4u; s++) {
        total += sums[s * CHANNELS + lane][slice];
        z += masses[s * CHANNELS + lane][slice];
      }
      y[(image * params.regions + region) * params.channels + channel] = total / max(z, params.epsilon);
      if (channel == 0u) {
        mass[image * params.regions + region] = z;
      }
    }
  }
}
