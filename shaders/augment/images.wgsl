// Augmented, normalised images: each output pixel samples the source bilinearly (edges repeated) where its geometry
// points, then takes the colour changes in this order: brightness, contrast about mid grey, saturation and hue (scale
// and rotation of the chroma plane of YIQ), grey, clamp to 0..1, solarise (1 - x above 1/2), noise, (x - mean) / std.
// Blur averages 3 x 3 samples at -d, 0 and d output pixels with weights w, 1 - 2 w and w, before the colour changes:
// d = max(1, 1.3 sigma) and w = sigma^2 / (2 d^2) give each axis the variance of the Gaussian, and a pixel's width
// between the samples leaves little of the highest frequencies.
//
// images: [table, size_in, size_in] packed RGBA8, red in the low byte; indices: [batch]; geometry, colour: [rows, 8] of
// augment/parameters, rows = views batch, row v batch + i shows image indices[i];
// y: [rows, size_out, size_out, 3].
//
// Dispatch: x over the pixels of one output image, PER_THREAD of them per thread, strided by the workgroup so that reads
// stay close; y over the rows: geometry, colour and the choice to blur are the same for a whole workgroup. PER_THREAD is
// 4 on a GPU and larger on software adapters. The colour changes before the clamp are one matrix, made once per thread.
const PER_THREAD: u32 = 4u;

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

fn unpacked(packed: u32) -> vec3<f32> {
  return vec3<f32>(f32(packed & 255u), f32((packed >> 8u) & 255u), f32((packed >> 16u) & 255u));
}

// Bilinear sample, 0 to 255, at a source position whose pixel centres are at +0.5.
fn bilinear(base: u32, position: vec2<f32>) -> vec3<f32> {
  // Far outside everything is edge: the clamp keeps the conversion to integers defined.
  let last = f32(params.size_in) - 1.0;
  let corner = floor(clamp(position - 0.5, vec2<f32>(-1.0), vec2<f32>(last + 1.0)));
  let part = clamp(position - 0.5 - corner, vec2<f32>(0.0), vec2<f32>(1.0));
  let low = vec2<u32>(clamp(corner, vec2<f32>(0.0), vec2<f32>(last)));
  let high = vec2<u32>(clamp(corner + 1.0, vec2<f32>(0.0), vec2<f32>(last)));
  let upper = base + low.y * params.size_in;
  let lower = base + high.y * params.size_in;
  let top = mix(unpacked(images[upper + low.x]), unpacked(images[upper + high.x]), part.x);
  let bottom = mix(unpacked(images[lower + low.x]), unpacked(images[lower + high.x]), part.x);
  return mix(top, bottom, part.y);
}

// Three standard normals of a pixel (Box and Muller 1958).
fn normals(pixel: u32, key: vec2<u32>) -> vec3<f32> {
  let bits = philox(vec4<u32>(pixel, 0u, 0u, 0u), key);
  let u = (vec4<f32>(f32(bits.x >> 8u), f32(bits.y >> 8u), f32(bits.z >> 8u), f32(bits.w >> 8u)) + 0.5) * (1.0 / 16777216.0);
  // (A number next to 1 may be rounded to it, and its logarithm a little above 0.)
  let first = sqrt(max(0.0, -2.0 * log(u.x)));
  let angle = 6.283185307 * u.y;
  return vec3<f32>(first * cos(angle), first * sin(angle), sqrt(max(0.0, -2.0 * log(u.z))) * cos(6.283185307 * u.w));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.y;
  let base = min(indices[row % params.batch], params.table - 1u) * params.size_in * params.size_in;
  let at = 8u * row;
  let x_step = vec2<f32>(geometry[at], geometry[at + 3u]);
  let y_step = vec2<f32>(geometry[at + 1u], geometry[at + 4u]);
  let origin = vec2<f32>(geometry[at + 2u], geometry[at + 5u]);
  let sigma = colour[at + 5u];
  let spacing = max(1.0, 1.3 * sigma);
  let side = 0.5 * sigma * sigma / (spacing * spacing);
  let solarise = colour[at + 6u] > 0.5;
  let noise = colour[at + 7u];

  // Brightness and contrast scale and shift all channels alike; the chroma turn leaves greys as they are, so it can
  // come first. Rows of the matrix for red, green and blue.
  let gain = colour[at] * colour[at + 1u] * (1.0 / 255.0);
  let shift = 0.5 - 0.5 * colour[at + 1u];
  let kept = select(colour[at + 2u], 0.0, colour[at + 4u] > 0.5);
  let angle = 6.283185307 * colour[at + 3u];
  let cosine = gain * kept * cos(angle);
  let sine = gain * kept * sin(angle);
  let luma = gain * vec3<f32>(0.299, 0.587, 0.114);
  let in_phase = vec3<f32>(0.595716, -0.274453, -0.321263);
  let quadrature = vec3<f32>(0.211456, -0.522591, 0.311135);
  let turned_i = cosine * in_phase - sine * quadrature;
  let turned_q = sine * in_phase + cosine * quadrature;
  let to_red = luma + 0.9563 * turned_i + 0.6210 * turned_q;
  let to_green = luma - 0.2721 * turned_i - 0.6474 * turned_q;
  let to_blue = luma - 1.1070 * turned_i + 1.7046 * turned_q;
  let mean = vec3<f32>(params.mean_r, params.mean_g, params.mean_b);
  let inverse_std = 1.0 / vec3<f32>(params.std_r, params.std_g, params.std_b);
  let pixels = params.size_out * params.size_out;

  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let pixel = (group.x * PER_THREAD + k) * 64u + lane;
    if (pixel >= pixels) {
      break;
    }
    let position = origin + x_step * (f32(pixel % params.size_out) + 0.5) + y_step * (f32(pixel / params.size_out) + 0.5);
    var bytes = vec3<f32>(0.0);
    if (sigma > 0.0) {
      for (var v = -1; v <= 1; v += 1) {
        for (var u = -1; u <= 1; u += 1) {
          let weight = select(side, 1.0 - 2.0 * side, u == 0) * select(side, 1.0 - 2.0 * side, v == 0);
          bytes += weight * bilinear(base, position + (x_step * f32(u) + y_step * f32(v)) * spacing);
        }
      }
    } else {
      bytes = bilinear(base, position);
    }
    var rgb = vec3<f32>(dot(to_red, bytes), dot(to_green, bytes), dot(to_blue, bytes)) + shift;
    rgb = clamp(rgb, vec3<f32>(0.0), vec3<f32>(1.0));
    if (solarise) {
      rgb = select(rgb, 1.0 - rgb, rgb >= vec3<f32>(0.5));
    }
    if (noise > 0.0) {
      rgb += noise * normals(pixel, vec2<u32>(u32(geometry[at + 7u]), row));
    }
    rgb = (rgb - mean) * inverse_std;
    let out = 3u * (row * pixels + pixel);
    y[out] = rgb.x;
    y[out + 1u] = rgb.y;
    y[out + 2u] = rgb.z;
  }
}
