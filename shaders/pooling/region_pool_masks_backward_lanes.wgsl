// Region-masked pooling, gradient of the maps, for GPUs. Formula and layouts as in region_pool_masks_backward.wgsl, with the
// mean of the tile's first region, u, taken out of both halves of the difference:
//
//   dm[b, r, p] = (sum_c (x[b, p, c] - u[b, c]) dy[b, r, c] - sum_c (y[b, r, c] - u[b, c]) dy[b, r, c]) / mass[b, r]
//
//   x [B, P, C]   y, dy [B, R, C]   mass [B, R]   dm [B, R, P]     (C a multiple of 4)
//
// The second sum knows no position. What features have in common is in u, so that little cancels between the two sums,
// and x - u is worked out once for all regions, not once for each.
//
// Dispatch: workgroups of 8 x 8 invocations, for 32 positions and REGIONS regions, so that x is read once for up to 12
// regions; x counts position tiles times region tiles times images, and spills into y. 8 neighbours share 4 positions and
// read 128 neighbouring bytes of each; the 8 rows of neighbours read the same dy, from a cache, for their own positions
// (loops over REGIONS are of constant length). Row k also works out the second sums of regions k and k + 8. After one
// barrier the 64 invocations add up the 8 shares of each result, each row from another share on, so that no two read from
// one bank; the order is fixed.

// Regions of a tile in fours: 1 to 3.
const FOURS: u32 = 3u;
const REGIONS: u32 = 4u * FOURS;

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
@group(0) @binding(4) var<storage, read_write> dm: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// [region][row of lanes][lane], the four positions of a row
var<workgroup> shares: array<vec4<f32>, REGIONS * 64u>;
// [regions of 8][row of lanes][lane]
var<workgroup> shifts: array<f32, 128>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let tile = group.y * groups.x + group.x;
  let position_tiles = (params.positions + 31u) / 32u;
  let region_tiles = (params.regions + REGIONS - 1u) / REGIONS;
  let image = tile / (position_tiles * region_tiles);
  if (image >= params.images) {
    return;
  }
  let vectors = params.channels / 4u;
  let lane = invocation % 8u;
  let row = invocation / 8u;
  let first_position = tile % position_tiles * 32u;
  let region = tile / position_tiles % region_tiles * REGIONS;
  // Positions and regions past the last repeat the last one and are not written.
  let positions = min(vec4<u32>(first_position + 4u * row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.positions - 1u));
  let x_at = (vec4<u32>(image * params.positions) + positions) * vectors;
  let centre_at = (image * params.regions + region) * vectors;
  var dy_at: array<u32, REGIONS>;
  var sums: array<vec4<f32>, REGIONS>;
  for (var r = 0u; r < REGIONS; r += 1u) {
    dy_at[r] = (image * params.regions + min(region + r, params.regions - 1u)) * vectors;
  }
  let own = vec2<u32>(image * params.regions) + min(vec2<u32>(region + row) + vec2<u32>(0u, 8u), vec2<u32>(params.regions - 1u));
  // 1 where the divisor is the mass itself, which moves with the map; elsewhere y drops out of the formula.
  let moves = select(vec2<f32>(), vec2<f32>(1.0), vec2<f32>(mass[own.x], mass[own.y]) > vec2<f32>(params.epsilon));
  let own_at = own * vectors;
  var shift = vec2<f32>();
  for (var v = lane; v < vectors; v += 8u) {
    let centre = y[centre_at + v];
    let first = x[x_at.x + v] - centre;
    let second = x[x_at.y + v] - centre;
    let third = x[x_at.z + v] - centre;
    let fourth = x[x_at.w + v] - centre;
    for (var r = 0u; r < REGIONS; r += 1u) {
      let slope = dy[dy_at[r] + v];
      sums[r] += vec4<f32>(dot(first, slope), dot(second, slope), dot(third, slope), dot(fourth, slope));
    }
    shift.x += dot(moves.x * y[own_at.x + v] - centre, dy[own_at.x + v]);
    if (FOURS > 2u) {
      shift.y += dot(moves.y * y[own_at.y + v] - centre, dy[own_at.y + v]);
    }
  }
  for (var r = 0u; r < REGIONS; r += 1u) {
    shares[r * 64u + invocation] = sums[r];
  }
  shifts[invocation] = shift.x;
  shifts[64u + invocation] = shift.y;
  workgroupBarrier();

  let position = first_position + invocation % 32u;
  if (position >= params.positions) {
    return;
  }
  let group_of = invocation % 32u / 4u;
  let component = invocation % 4u;
  for (var r = invocation / 32u; r < min(REGIONS, params.regions - region); r += 2u) {
    var sum = 0.0;
    var away = 0.0;
    for (var s = 0u; s < 8u; s += 1u) {
      sum += shares[r * 64u + group_of * 8u + (s + group_of) % 8u][component];
      away += shifts[r * 8u + s];
    }
    let z = mass[image * params.regions + region + r];
    dm[(image * params.regions + region + r) * params.positions + position] = select(0.0, (sum - away) / max(z, params.epsilon), z > 0.0);
  }
}
