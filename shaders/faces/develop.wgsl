// Finishes the pictures that face.wgsl draws: background behind the head, sensor noise, sRGB encoding.

struct Picture {
  background_top: vec4f,    // linear rgb, standard deviation of the noise
  background_bottom: vec4f, // linear rgb, seed of the noise (bits of an integer)
}

@group(0) @binding(0) var<uniform> picture: Picture;
// Square roots of linear light times coverage; alpha is coverage.
@group(1) @binding(0) var heads: texture_2d<f32>;

struct PixelOut {
  @builtin(position) clip: vec4f,
  @location(0) up: f32, // -1 at the bottom of the picture, 1 at its top
}

// One triangle that covers the viewport.
@vertex
fn develop_vertex(@builtin(vertex_index) corner: u32) -> PixelOut {
  var out: PixelOut;
  out.clip = vec4f(f32(corner & 1u) * 4.0 - 1.0, f32(corner >> 1u) * 4.0 - 1.0, 0.0, 1.0);
  out.up = out.clip.y;
  return out;
}

// A 32-bit integer hash (PCG, after Jarzynski and Olano, "Hash functions for GPU rendering", 2020).
fn hash(x: u32, y: u32, seed: u32) -> u32 {
  let state = (x * 1664525u + y * 22695477u + seed) * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

@fragment
fn develop_main(in: PixelOut) -> @location(0) vec4f {
  let at = vec2u(in.clip.xy);
  let head = textureLoad(heads, at, 0);
  let background = sqrt(mix(picture.background_bottom.rgb, picture.background_top.rgb, 0.5 + 0.5 * in.up));
  // Two bytes of the hash make a triangular distribution (standard deviation 0.41) that looks like grain.
  let bits = hash(at.x, at.y, bitcast<u32>(picture.background_bottom.w));
  let grain = f32(bits & 0xffu) / 255.0 + f32((bits >> 8u) & 0xffu) / 255.0 - 1.0;
  let root = clamp(head.rgb + (1.0 - head.a) * background + 2.4 * picture.background_top.w * grain, vec3f(0.0), vec3f(1.0));
  // The sRGB curve (IEC 61966-2-1) of linear light, whose square root this is.
  let encoded = select(1.055 * pow(root, vec3f(2.0 / 2.4)) - 0.055, 12.92 * root * root, root * root <= vec3f(0.0031308));
  return vec4f(encoded, 1.0);
}
