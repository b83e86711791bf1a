// Augmented, normalised images: each output pixel samples the source bilinearly (edges repeated) where its geometry
// points, then takes the colour changes in this order: brightness, contrast about mid grey, saturation and hue (scale
// and rotation of the chroma plane of YIQ), grey, clamp to 0..1, solarise (1 - x above 1/2), noise, (x - mean) / std.
// Blur averages 3 x 3 samples at -sqrt 3, 0 and sqrt 3 sigma with weights 1/6, 2/3 and 1/6 (Gauss-Hermite quadrature
// of the Gaussian), in output pixels, before the colour changes.
//
// images: [table, size_in, size_in] packed RGBA8, red in the low byte; indices: [batch]; geometry, colour: [rows, 8] of
// augment/parameters, rows = views batch, row v batch + i shows image indices[i];
// y: [rows, size_out, size_out, 3].
//
// Dispatch: x over the pixels of one output image (64 in a row-major run, so that reads stay close), y over the rows:
// geometry, colour and the choice to blur are the same for a whole workgroup.
struct Params {
  table: u32, batch: u32, size_in: u32, size_out: u32,
  mean_r: f32, mean_g: f32, mean_b: f32, std_r: f32, std_g: f32, std_b: f32,
}

@group(0) @binding(0) var<storage, read> images: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> geometry: array<f32>;
@group(0) @binding(3) var<storage, read> colour: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

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

fn texel(base: u32, column: i32, row: i32) -> vec3<f32> {
  let last = i32(params.size_in) - 1;
  let packed = images[base + u32(clamp(row, 0, last)) * params.size_in + u32(clamp(column, 0, last))];
  return vec3<f32>(f32(packed & 255u), f32((packed >> 8u) & 255u), f32((packed >> 16u) & 255u)) * (1.0 / 255.0);
}

// Bilinear sample at a source position whose pixel centres are at +0.5.
fn bilinear(base: u32, position: vec2<f32>) -> vec3<f32> {
  let corner = floor(position - 0.5);
  let part = position - 0.5 - corner;
  // Far outside everything is edge: the clamp keeps the conversion to integers defined.
  let limit = f32(params.size_in) + 1.0;
  let column = i32(clamp(corner.x, -limit, limit));
  let row = i32(clamp(corner.y, -limit, limit));
  let top = mix(texel(base, column, row), texel(base, column + 1, row), part.x);
  let bottom = mix(texel(base, column, row + 1), texel(base, column + 1, row + 1), part.x);
  return mix(top, bottom, part.y);
}

// Three standard normals of a pixel (Box and Muller 1958).
fn normals(pixel: u32, key: vec2<u32>) -> vec3<f32> {
  let bits = philox(vec4<u32>(pixel, 0u, 0u, 0u), key);
  let u = (vec4<f32>(f32(bits.x >> 8u), f32(bits.y >> 8u), f32(bits.z >> 8u), f32(bits.w >> 8u)) + 0.5) * (1.0 / 16777216.0);
  let first = sqrt(-2.0 * log(u.x));
  let angle = 6.283185307 * u.y;
  return vec3<f32>(first * cos(angle), first * sin(angle), sqrt(-2.0 * log(u.z)) * cos(6.283185307 * u.w));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let pixel = group.x * 64u + lane;
  let row = group.y;
  if (pixel >= params.size_out * params.size_out) {
    return;
  }
  let base = min(indices[row % params.batch], params.table - 1u) * params.size_in * params.size_in;
  let at = 8u * row;
  let x_step = vec2<f32>(geometry[at], geometry[at + 3u]);
  let y_step = vec2<f32>(geometry[at + 1u], geometry[at + 4u]);
  let origin = vec2<f32>(geometry[at + 2u], geometry[at + 5u]);
  let position = origin + x_step * (f32(pixel % params.size_out) + 0.5) + y_step * (f32(pixel / params.size_out) + 0.5);

  let sigma = colour[at + 5u];
  var rgb = vec3<f32>(0.0);
  if (sigma > 0.0) {
    let reach = 1.7320508 * sigma;
    for (var v = -1; v <= 1; v += 1) {
      for (var u = -1; u <= 1; u += 1) {
        let weight = select(1.0 / 6.0, 2.0 / 3.0, u == 0) * select(1.0 / 6.0, 2.0 / 3.0, v == 0);
        rgb += weight * bilinear(base, position + (x_step * f32(u) + y_step * f32(v)) * reach);
      }
    }
  } else {
    rgb = bilinear(base, position);
  }

  rgb = (rgb * colour[at] - 0.5) * colour[at + 1u] + 0.5;
  let luma = dot(rgb, vec3<f32>(0.299, 0.587, 0.114));
  let chroma = vec2<f32>(dot(rgb, vec3<f32>(0.595716, -0.274453, -0.321263)), dot(rgb, vec3<f32>(0.211456, -0.522591, 0.311135)));
  let kept = select(colour[at + 2u], 0.0, colour[at + 4u] > 0.5);
  let angle = 6.283185307 * colour[at + 3u];
  let turned = kept * vec2<f32>(cos(angle) * chroma.x - sin(angle) * chroma.y, sin(angle) * chroma.x + cos(angle) * chroma.y);
  rgb = vec3<f32>(
    luma + 0.9563 * turned.x + 0.6210 * turned.y,
    luma - 0.2721 * turned.x - 0.6474 * turned.y,
    luma - 1.1070 * turned.x + 1.7046 * turned.y,
  );
  rgb = clamp(rgb, vec3<f32>(0.0), vec3<f32>(1.0));
  if (colour[at + 6u] > 0.5) {
    rgb = select(rgb, 1.0 - rgb, rgb >= vec3<f32>(0.5));
  }
  if (colour[at + 7u] > 0.0) {
    rgb += colour[at + 7u] * normals(pixel, vec2<u32>(u32(geometry[at + 7u]), row));
  }
  let out = 3u * (row * params.size_out * params.size_out + pixel);
  y[out] = (rgb.x - params.mean_r) / params.std_r;
  y[out + 1u] = (rgb.y - params.mean_g) / params.std_g;
  y[out + 2u] = (rgb.z - params.mean_b) / params.std_b;
}
