// Gradient of unfold.wgsl (col2im): every element of the image sums the places that it was copied to,
//   dx[b, y, x, c] = sum over (ky, kx) of drows[(b, oy, ox), (ky, kx, c)], where oy stride = y + padding - ky and
//   ox stride = x + padding - kx have solutions inside the result.
// A sum that gathers, in a fixed order, instead of a scatter with atomic additions. With GELU_GRADIENT it is multiplied by
// GELU's gradient Phi(p) + p phi(p) at the values p before a GELU that gave the image: dx is the gradient of these.
//
// drows [batch * outHeight * outWidth, rowLength]; p, dx [batch, height, width, channels]; p is not touched without
// GELU_GRADIENT.
// Lengths are counted in `element`s: f32, or vec4<f32> where channels and rowLength are multiples of 4.
//
// Dispatch: one thread per element of dx, flat; workgroups spill from x into y.
alias element = f32;
const GELU_GRADIENT: bool = false;

struct Params {
  count: u32,
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

@group(0) @binding(0) var<storage, read> drows: array<element>;
@group(0) @binding(1) var<storage, read> p: array<element>;
@group(0) @binding(2) var<storage, read_write> dx: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

// Phi(x) + x phi(x), as in elementwise/gelu_backward.wgsl.
fn gelu_gradient(x: element) -> element {
  let e = exp(-0.5 * x * x);
  let t = 1.0 / (1.0 + 0.35 * abs(x));
  let tail = t * (0.13977842 + t * (0.13676241 + t * (0.1439531 + t * (0.0066017848 + t * (0.21437776 + t * (-0.18670027 + t * 0.045226850)))))) * e;
  return select(tail, 1.0 - tail, x >= element()) + 0.3989422804 * x * e;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= params.count) {
    return;
  }
  let channel = at % params.channels;
  let position = at / params.channels;
  let column = position % params.width + params.padding;
  let line = position / params.width;
  let row = line % params.height + params.padding;
  let image = line / params.height;

  var sum = element();
  // Taps ky = row - oy stride from the smallest that leaves no remainder.
  for (var ky = row % params.stride; ky < params.kernelHeight; ky += params.stride) {
    // A tap beyond the first line wraps to a large number, which is outside as well.
    let oy = (row - ky) / params.stride;
    if (ky <= row && oy < params.outHeight) {
      for (var kx = column % params.stride; kx < params.kernelWidth; kx += params.stride) {
        let ox = (column - kx) / params.stride;
        if (kx <= column && ox < params.outWidth) {
          let pixel = (image * params.outHeight + oy) * params.outWidth + ox;
          sum += drows[pixel * params.rowLength + (ky * params.kernelWidth + kx) * params.channels + channel];
        }
      }
    }
  }
  if (GELU_GRADIENT) {
    sum *= gelu_gradient(p[at]);
  }
  dx[at] = sum;
}
