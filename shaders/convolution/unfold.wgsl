// Unfolds an image into the rows of a matrix (im2col), so that a convolution becomes a matrix product:
//   rows[(b, oy, ox), (ky, kx, c)] = x[b, oy stride + ky - padding, ox stride + kx - padding, c], 0 outside the image.
//
// x [batch, height, width, channels]; rows [batch * outHeight * outWidth, rowLength], rowLength >= taps * channels,
// zeros behind the last tap. The order (ky, kx, c) is that of a weight [out, kernelHeight, kernelWidth, channels].
// Lengths are counted in `element`s: f32, or vec4<f32> where channels and rowLength are multiples of 4.
//
// Dispatch: one thread per pixel and kernel line ky, flat and ky fastest; each copies the kernelWidth * channels
// elements of that line, which lie side by side in both images, so that the divisions which find its place are
// paid once per line. Workgroups spill from x into y.
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
  let pixel = thread / params.kernelHeight;
  if (pixel >= params.pixels) {
    return;
  }
  let ky = thread % params.kernelHeight;
  let line = pixel / params.outWidth;
  let image = line / params.outHeight;
  // Coordinates left of or above the image wrap to large numbers and fail the test for the right and lower edge.
  let row = (line % params.outHeight) * params.stride + ky - params.padding;
  let left = (pixel % params.outWidth) * params.stride - params.padding;
  let start = (image * params.height + row) * params.width;
  var destination = pixel * params.rowLength + ky * params.kernelWidth * params.channels;
  for (var kx = 0u; kx < params.kernelWidth; kx += 1u) {
    let column = left + kx;
    let inside = row < params.height && column < params.width;
    let source = select(0u, (start + column) * params.channels, inside);
    for (var channel = 0u; channel < params.channels; channel += 1u) {
      rows[destination] = select(element(), x[source + channel], inside);
      destination += 1u;
    }
  }
  if (ky == params.kernelHeight - 1u) {
    for (; destination < (pixel + 1u) * params.rowLength; destination += 1u) {
      rows[destination] = element();
    }
  }
}
