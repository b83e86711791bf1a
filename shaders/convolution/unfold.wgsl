// Unfolds an image into the rows of a matrix (im2col), so that a convolution becomes a matrix product:
//   rows[(b, oy, ox), (ky, kx, c)] = x[b, oy stride + ky - padding, ox stride + kx - padding, c], 0 outside the image.
//
// x [batch, height, width, channels]; rows [batch * outHeight * outWidth, rowLength], rowLength >= taps * channels,
// zeros behind the last tap. The order (ky, kx, c) is that of a weight [out, kernelHeight, kernelWidth, channels].
// Lengths are counted in `element`s: f32, or vec4<f32> where channels and rowLength are multiples of 4.
//
// Dispatch: one thread per pixel and tap, flat and tap fastest, so that neighbours write neighbouring elements;
// each copies the tap's channels. Workgroups spill from x into y.
alias element = f32;

struct Params {
  pixels: u32,
  height: u32,
  width: u32,
  channels: u32,
  outHeight: u32,
  outWidth: u32,
  kernelHeight: u32,
  kernelWidth: u32,
  stride: u32,
  padding: u32,
  rowLength: u32,
}

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> rows: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  let taps = params.kernelHeight * params.kernelWidth;
  let pixel = thread / taps;
  if (pixel >= params.pixels) {
    return;
  }
  let tap = thread % taps;
  let line = pixel / params.outWidth;
  let image = line / params.outHeight;
  // Coordinates left of or above the image wrap to large numbers and fail the test for the right and lower edge.
  let row = (line % params.outHeight) * params.stride + tap / params.kernelWidth - params.padding;
  let column = (pixel % params.outWidth) * params.stride + tap % params.kernelWidth - params.padding;
  let inside = row < params.height && column < params.width;
  let source = ((image * params.height + row) * params.width + column) * params.channels;
  let destination = pixel * params.rowLength + tap * params.channels;
  for (var channel = 0u; channel < params.channels; channel += 1u) {
    var value = element();
    if (inside) {
      value = x[source + channel];
    }
    rows[destination + channel] = value;
  }
  if (tap == taps - 1u) {
    for (var at = taps * params.channels; at < params.rowLength; at += 1u) {
      rows[pixel * params.rowLength + at] = element();
    }
  }
}
