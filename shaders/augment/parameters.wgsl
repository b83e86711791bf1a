// Random geometry and colour of every augmented face. Row v batch + i is view v of the i-th face of the batch; its
// draws are the uniforms of philox4x32-10(counter = (draw, i, v, step), key = (seed, 0x41554721)), draws 0 to 4.
//
// Geometry maps an output pixel position to a position in the source (pixel centres at +0.5, y down):
//   crop width w = S sqrt(area aspect), height h = S sqrt(area / aspect), at most S; centre uniform over the places
//   where the crop lies inside, moved by up to translation S; (u, v) = output / size_out - 1/2, u mirrored by a flip;
//   source = centre + R(angle) (u w, v h)
//
// step_key: [2] = seed, step.
// geometry: [views batch, 8] = a, b, c, d, e, f (source x = a x + b y + c, source y = d x + e y + f), flip 0 or 1,
//   noise key (an integer below 2^24).
// colour: [views batch, 8] = brightness, contrast and saturation factors, hue shift (turns), grey 0 or 1, blur sigma
//   (output pixels, 0: none), solarise 0 or 1, noise sigma.
// Dispatch: one thread per row.
struct Params {
  batch: u32, views: u32, size_in: f32, size_out: f32,
  area_low: f32, area_high: f32, log_aspect: f32, rotation: f32, translation: f32, flip: f32,
  brightness: f32, contrast: f32, saturation: f32, hue: f32, jitter: f32, grey: f32,
  blur_first: f32, blur_other: f32, sigma_low: f32, sigma_high: f32,
  solarise_first: f32, solarise_other: f32, noise: f32,
}

@group(0) @binding(0) var<storage, read> step_key: array<u32>;
@group(0) @binding(1) var<storage, read_write> geometry: array<f32>;
@group(0) @binding(2) var<storage, read_write> colour: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Philox4x32-10 (Salmon et al. 2011): 128 random bits as a pure function of counter and key.
fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let middle = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = (middle & 0xffffu) + a_low * b_high;
  return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round += 1u) {
    let high0 = multiply_high(0xd2511f53u, c.x);
    let low0 = 0xd2511f53u * c.x;
    let high1 = multiply_high(0xcd9e8d57u, c.z);
    let low1 = 0xcd9e8d57u * c.z;
    c = vec4<u32>(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
    k = vec2<u32>(k.x + 0x9e3779b9u, k.y + 0xbb67ae85u);
  }
  return c;
}

// Four uniforms in [0, 1), 24 bits each.
fn uniforms(draw: u32, sample: u32, view: u32) -> vec4<f32> {
  let bits = philox(vec4<u32>(draw, sample, view, step_key[1]), vec2<u32>(step_key[0], 0x41554721u));
  return vec4<f32>(f32(bits.x >> 8u), f32(bits.y >> 8u), f32(bits.z >> 8u), f32(bits.w >> 8u)) * (1.0 / 16777216.0);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let row = thread.x;
  if (row >= params.views * params.batch) {
    return;
  }
  let sample = row % params.batch;
  let view = row / params.batch;
  let crop = uniforms(0u, sample, view);
  let pose = uniforms(1u, sample, view);
  let tint = uniforms(2u, sample, view);
  let rest = uniforms(3u, sample, view);
  let effect = uniforms(4u, sample, view);

  let size = params.size_in;
  let area = mix(params.area_low, params.area_high, crop.x);
  let root = exp(0.5 * params.log_aspect * (2.0 * crop.y - 1.0));
  let width = min(size, size * sqrt(area) * root);
  let height = min(size, size * sqrt(area) / root);
  let centre_x = 0.5 * width + crop.z * (size - width) + params.translation * size * (2.0 * rest.z - 1.0);
  let centre_y = 0.5 * height + crop.w * (size - height) + params.translation * size * (2.0 * rest.w - 1.0);
  let angle = params.rotation * (2.0 * pose.x - 1.0);
  let flipped = pose.y < params.flip;
  let cosine = cos(angle);
  let sine = sin(angle);
  let scale_x = select(width, -width, flipped) / params.size_out;
  let scale_y = height / params.size_out;
  let a = cosine * scale_x;
  let b = -sine * scale_y;
  let d = sine * scale_x;
  let e = cosine * scale_y;
  let middle = 0.5 * params.size_out;
  let at = 8u * row;
  geometry[at] = a;
  geometry[at + 1u] = b;
  geometry[at + 2u] = centre_x - (a + b) * middle;
  geometry[at + 3u] = d;
  geometry[at + 4u] = e;
  geometry[at + 5u] = centre_y - (d + e) * middle;
  geometry[at + 6u] = select(0.0, 1.0, flipped);
  geometry[at + 7u] = floor(rest.y * 16777216.0);

  let jitter = select(0.0, 1.0, pose.z < params.jitter);
  let first = view == 0u;
  let blurred = tint.w < select(params.blur_other, params.blur_first, first);
  colour[at] = 1.0 + jitter * params.brightness * (2.0 * pose.w - 1.0);
  colour[at + 1u] = 1.0 + jitter * params.contrast * (2.0 * tint.x - 1.0);
  colour[at + 2u] = 1.0 + jitter * params.saturation * (2.0 * tint.y - 1.0);
  colour[at + 3u] = jitter * params.hue * (2.0 * tint.z - 1.0);
  colour[at + 4u] = select(0.0, 1.0, effect.x < params.grey);
  colour[at + 5u] = select(0.0, mix(params.sigma_low, params.sigma_high, rest.x), blurred);
  colour[at + 6u] = select(0.0, 1.0, effect.y < select(params.solarise_other, params.solarise_first, first));
  colour[at + 7u] = params.noise;
}
