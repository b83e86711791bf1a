// Region-masked pooling for software adapters. Formula and layouts as in region_pool.wgsl:
//
//   mass[b, r] = sum_p m[b, r, p],   y[b, r, c] = sum_p m[b, r, p] x[b, p, c] / max(mass[b, r], epsilon)
//
//   x [B, P, C]   m [B, R, P]   y [B, R, C]   mass [B, R]          (P = H W positions; P and C multiples of 4)
//
// On SwiftShader a kernel's time is the number of its loads (each is four scalar ones with their bounds checks). An
// invocation sums 4 channels of up to 12 regions in registers, so that x is read once for all of them, and takes 4
// positions at a time: the regions' weights there are 12 vec4s, of which each lane of a quad loads 3 and gives them to
// the other lanes, which hold other channels. 7 loads for 48 multiply-adds of vec4s. Needs the feature `subgroups`; a
// quad is four neighbouring lanes whatever the subgroup's size is.
//
// Dispatch: workgroups of one quad, for 16 channels: x counts channel tiles times region tiles times images, and spills
// into y.
enable subgroups;

// Regions of a tile in fours: 1 to 3.
const FOURS: u32 = 3u;

struct Params {
  images: u32,
  positions: u32,
  channels: u32,
  regions: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> mass: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

// Sums of four regions and four channels, a column for each region.
fn pooled(features: mat4x4<f32>, own: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(features * quadBroadcast(own, 0u), features * quadBroadcast(own, 1u), features * quadBroadcast(own, 2u), features * quadBroadcast(own, 3u));
}

fn store(image: u32, region: u32, vector: u32, sum: vec4<f32>, z: f32) {
  if (region < params.regions && 4u * vector < params.channels) {
    let row = image * params.regions + region;
    y[row * (params.channels / 4u) + vector] = sum / max(z, params.epsilon);
    if (vector == 0u) {
      mass[row] = z;
    }
  }
}

// The masses of a tile's four regions, of which every lane knows one.
fn store_four(image: u32, first: u32, vector: u32, sums: mat4x4<f32>, own: f32) {
  store(image, first, vector, sums[0], quadBroadcast(own, 0u));
  store(image, first + 1u, vector, sums[1], quadBroadcast(own, 1u));
  store(image, first + 2u, vector, sums[2], quadBroadcast(own, 2u));
  store(image, first + 3u, vector, sums[3], quadBroadcast(own, 3u));
}

fn total(value: vec4<f32>) -> f32 {
  return value.x + value.y + (value.z + value.w);
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.y * groups.x + group.x;
  let channel_tiles = (params.channels + 15u) / 16u;
  let region_tiles = (params.regions + 4u * FOURS - 1u) / (4u * FOURS);
  let image = tile / (channel_tiles * region_tiles);
  if (image >= params.images) {
    return;
  }
  let vectors = params.channels / 4u;
  let quads = params.positions / 4u;
  let vector = tile % channel_tiles * 4u + lane;
  let region = tile / channel_tiles % region_tiles * 4u * FOURS;
  // Channels and regions past the last repeat the last one and are not stored.
  var x_at = image * params.positions * vectors + min(vector, vectors - 1u);
  let last = params.regions - 1u;
  let m_at = (vec3<u32>(image * params.regions) + min(vec3<u32>(region + lane) + vec3<u32>(0u, 4u, 8u), vec3<u32>(last))) * quads;

  var sums0 = mat4x4<f32>();
  var sums1 = mat4x4<f32>();
  var sums2 = mat4x4<f32>();
  var z0 = vec4<f32>();
  var z1 = vec4<f32>();
  var z2 = vec4<f32>();
  for (var p = 0u; p < quads; p += 1u) {
    let features = mat4x4<f32>(x[x_at], x[x_at + vectors], x[x_at + 2u * vectors], x[x_at + 3u * vectors]);
    x_at += 4u * vectors;
    let own0 = m[m_at.x + p];
    sums0 += pooled(features, own0);
    z0 += own0;
    if (FOURS > 1u) {
      let own1 = m[m_at.y + p];
      sums1 += pooled(features, own1);
      z1 += own1;
    }
    if (FOURS > 2u) {
      let own2 = m[m_at.z + p];
      sums2 += pooled(features, own2);
      z2 += own2;
    }
  }
  store_four(image, region, vector, sums0, total(z0));
  if (FOURS > 1u) {
    store_four(image, region + 4u, vector, sums1, total(z1));
  }
  if (FOURS > 2u) {
    store_four(image, region + 8u, vector, sums2, total(z2));
  }
}
