// Gradient of unfold.wgsl (col2im): every element of the image sums the places that it was copied to,
//   dx[b, y, x, c] = sum over (ky, kx) of drows[(b, oy, ox), (ky, kx, c)], where oy stride = y + padding - ky and
//   ox stride = x + padding - kx have solutions inside the result.
// A sum that gathers, in a fixed order, instead of a scatter with atomic additions.
//
// drows [batch * outHeight * outWidth, rowLength]; dx [batch, height, width, channels].
// Lengths are counted in `element`s: f32, or vec4<f32> where channels and rowLength are multiples of 4.
//
// Dispatch: one thread per element of dx, flat; workgroups spill from x into y.
alias element = f32;

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
@group(0) @binding(1) var<storage, read_write> dx: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

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
  dx[at] = sum;
}
