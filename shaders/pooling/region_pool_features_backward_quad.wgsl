// Region-masked pooling, gradient of the features, for software adapters:
//
//   dx[b, p, c] = sum_r m[b, r, p] dy[b, r, c] / max(mass[b, r], epsilon)
//
//   dy [B, R, C]   m [B, R, P]   mass [B, R]   dx [B, P, C]        (P and C multiples of 4; R at most 12)
//
// The mirror of region_pool_quad.wgsl, which says why: an invocation keeps 4 channels of all regions' dy / mass in
// registers and takes 4 positions at a time, whose weights the quad loads together: 3 loads and 4 stores for 48
// multiply-adds of vec4s.
//
// Dispatch: workgroups of one quad, for 16 channels and `span` groups of 4 positions; x counts channel tiles times spans
// times images, and spills into y.
enable subgroups;

// Regions in fours: 1 to 3.
const FOURS: u32 = 3u;

struct Params {
  images: u32,
  positions: u32,
  channels: u32,
  regions: u32,
  span: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mass: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

// dy / mass of a region at four channels; 0 for one past the last.
fn slope(image: u32, region: u32, vector: u32) -> vec4<f32> {
  let row = image * params.regions + min(region, params.regions - 1u);
  let value = dy[row * (params.channels / 4u) + vector] / max(mass[row], params.epsilon);
  return select(vec4<f32>(), value, vec4<bool>(region < params.regions));
}

// The same of four regions, a column for each.
fn slopes(image: u32, first: u32, vector: u32) -> mat4x4<f32> {
  return mat4x4<f32>(slope(image, first, vector), slope(image, first + 1u, vector), slope(image, first + 2u, vector), slope(image, first + 3u, vector));
}

// What four regions give to four positions: a column of four channels for each.
fn spread(given: mat4x4<f32>, own: vec4<f32>) -> mat4x4<f32> {
  return given * transpose(mat4x4<f32>(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u)));
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.y * groups.x + group.x;
  let channel_tiles = (params.channels + 15u) / 16u;
  let quads = params.positions / 4u;
  let spans = (quads + params.span - 1u) / params.span;
  let image = tile / (channel_tiles * spans);
  if (image >= params.images) {
    return;
  }
  let vectors = params.channels / 4u;
  let vector = tile % channel_tiles * 4u + lane;
  let inside = min(vector, vectors - 1u);
  let start = tile / channel_tiles % spans * params.span;
  let end = min(start + params.span, quads);
  let m_at = (vec3<u32>(image * params.regions) + min(vec3<u32>(lane) + vec3<u32>(0u, 4u, 8u), vec3<u32>(params.regions - 1u))) * quads;

  let given0 = slopes(image, 0u, inside);
  var given1 = mat4x4<f32>();
  var given2 = mat4x4<f32>();
  if (FOURS > 1u) {
    given1 = slopes(image, 4u, inside);
  }
  if (FOURS > 2u) {
    given2 = slopes(image, 8u, inside);
  }
  for (var p = start; p < end; p += 1u) {
    var sums = spread(given0, m[m_at.x + p]);
    if (FOURS > 1u) {
      sums += spread(given1, m[m_at.y + p]);
    }
    if (FOURS > 2u) {
      sums += spread(given2, m[m_at.z + p]);
    }
    if (vector < vectors) {
      let at = (image * params.positions + 4u * p) * vectors + vector;
      dx[at] = sums[0];
      dx[at + vectors] = sums[1];
      dx[at + 2u * vectors] = sums[2];
      dx[at + 3u * vectors] = sums[3];
    }
  }
}
