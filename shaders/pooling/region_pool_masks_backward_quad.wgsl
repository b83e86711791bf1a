// Region-masked pooling, gradient of the maps, for software adapters. Formula and layouts as in
// region_pool_masks_backward.wgsl, with the mean of the tile's first region, u, taken out of both halves of the difference:
//
//   dm[b, r, p] = (sum_c (x[b, p, c] - u[b, c]) dy[b, r, c] - sum_c (y[b, r, c] - u[b, c]) dy[b, r, c]) / mass[b, r]
//
//   x [B, P, C]   y, dy [B, R, C]   mass [B, R]   dm [B, R, P]     (P and C multiples of 4)
//
// The second sum knows no position. What features have in common is in u, so that little cancels between the two sums,
// and x - u is worked out once for all regions, not once for each.
//
// A load costs more than arithmetic here (region_pool_quad.wgsl says why). An invocation keeps the sums of 4 positions and
// up to 12 regions in registers, so that x is read once for all of them. Each lane of a quad loads 3 regions' dy and y and
// gives dy to the other lanes, which hold other positions: 10 loads for 48 dot products of vec4s.
//
// Dispatch: workgroups of one quad, for 16 positions: x counts position tiles times region tiles times images, and spills
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
@group(0) @binding(1) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> mass: array<f32>;
@group(0) @binding(4) var<storage, read_write> dm: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

// Dot products of four regions' dy, of which every lane knows one, with four positions: a column for each region.
fn products(features: mat4x4<f32>, own: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(quadBroadcast(own, 0u) * features, quadBroadcast(own, 1u) * features, quadBroadcast(own, 2u) * features, quadBroadcast(own, 3u) * features);
}

fn store(image: u32, region: u32, quad: u32, sum: vec4<f32>, shift: f32) {
  let quads = params.positions / 4u;
  if (region < params.regions && quad < quads) {
    let row = image * params.regions + region;
    let z = mass[row];
    dm[row * quads + quad] = select(vec4<f32>(), (sum - vec4<f32>(shift)) / max(z, params.epsilon), vec4<bool>(z > 0.0));
  }
}

// Four regions, of whose second sums every lane knows one.
fn store_four(image: u32, first: u32, quad: u32, sums: mat4x4<f32>, own: f32) {
  store(image, first, quad, sums[0], quadBroadcast(own, 0u));
  store(image, first + 1u, quad, sums[1], quadBroadcast(own, 1u));
  store(image, first + 2u, quad, sums[2], quadBroadcast(own, 2u));
  store(image, first + 3u, quad, sums[3], quadBroadcast(own, 3u));
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.y * groups.x + group.x;
  let position_tiles = (params.positions + 15u) / 16u;
  let region_tiles = (params.regions + 4u * FOURS - 1u) / (4u * FOURS);
  let image = tile / (position_tiles * region_tiles);
  if (image >= params.images) {
    return;
  }
  let vectors = params.channels / 4u;
  let quad = tile % position_tiles * 4u + lane;
  let region = tile / position_tiles % region_tiles * 4u * FOURS;
  // Positions and regions past the last repeat the last one and are not stored.
  let position = min(4u * quad, params.positions - 4u);
  let rows = vec3<u32>(image * params.regions) + min(vec3<u32>(region + lane) + vec3<u32>(0u, 4u, 8u), vec3<u32>(params.regions - 1u));
  // 1 where the divisor is the mass itself, which moves with the map; elsewhere y drops out of the formula.
  let moves = select(vec3<f32>(), vec3<f32>(1.0), vec3<f32>(mass[rows.x], mass[rows.y], mass[rows.z]) > vec3<f32>(params.epsilon));
  let row_at = rows * vectors;
  let x_at = (image * params.positions + position) * vectors;

  var sums0 = mat4x4<f32>();
  var sums1 = mat4x4<f32>();
  var sums2 = mat4x4<f32>();
  var shift = vec3<f32>();
  for (var v = 0u; v < vectors; v += 1u) {
    let own0 = dy[row_at.x + v];
    let mean0 = y[row_at.x + v];
    let centre = quadBroadcast(mean0, 0u);
    let at = x_at + v;
    let features = mat4x4<f32>(x[at] - centre, x[at + vectors] - centre, x[at + 2u * vectors] - centre, x[at + 3u * vectors] - centre);
    sums0 += products(features, own0);
    shift.x += dot(moves.x * mean0 - centre, own0);
    if (FOURS > 1u) {
      let own1 = dy[row_at.y + v];
      sums1 += products(features, own1);
      shift.y += dot(moves.y * y[row_at.y + v] - centre, own1);
    }
    if (FOURS > 2u) {
      let own2 = dy[row_at.z + v];
      sums2 += products(features, own2);
      shift.z += dot(moves.z * y[row_at.z + v] - centre, own2);
    }
  }
  store_four(image, region, quad, sums0, shift.x);
  if (FOURS > 1u) {
    store_four(image, region + 4u, quad, sums1, shift.y);
  }
  if (FOURS > 2u) {
    store_four(image, region + 8u, quad, sums2, shift.z);
  }
}
