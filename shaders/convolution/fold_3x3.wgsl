// Gradient of unfold.wgsl (col2im) for windows of 3 x 3, stride 2 and padding 1, the stem's. Formula and layouts as in
// fold.wgsl:
//   dx[b, y, x, c] = sum over (ky, kx) of drows[(b, oy, ox), (ky, kx, c)], where 2 oy = y + 1 - ky and 2 ox = x + 1 - kx
// With GELU_GRADIENT it is multiplied by GELU's gradient Phi(p) + p phi(p) at the values p before a GELU that gave the image.
//
// drows [batch * outHeight * outWidth, rowLength]; p, dx [batch, height, width, channels]; p is not touched without
// GELU_GRADIENT. outHeight = ceil(height / 2), outWidth = ceil(width / 2).
// Lengths are counted in `element`s: f32, or vec4<f32> where channels and rowLength are multiples of 4.
//
// Dispatch: one thread per window and channel (channels vary fastest), flat; workgroups spill from x into y. The windows
// (oy, ox) and its neighbours to the right, below and across hold all that pixels (2 oy, 2 ox) to (2 oy + 1, 2 ox + 1) were
// copied to: one, two, two and four places. The nine are written out rather than searched for in loops, so that the
// divisions which find them are paid once and all loads are on their way at once. Sums have fold.wgsl's order.
alias element = f32;
const GELU_GRADIENT: bool = false;

struct Params {
  count: u32,
  height: u32,
  width: u32,
  channels: u32,
  outHeight: u32,
  outWidth: u32,
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

fn store(to: u32, sum: element) {
  if (GELU_GRADIENT) {
    dx[to] = sum * gelu_gradient(p[to]);
  } else {
    dx[to] = sum;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= params.count) {
    return;
  }
  let channels = params.channels;
  let window = at / channels;
  let channel = at % channels;
  let line = window / params.outWidth;
  let oy = line % params.outHeight;
  let ox = window % params.outWidth;
  let has_right = ox + 1u < params.outWidth;
  let has_below = oy + 1u < params.outHeight;
  // Neighbours that are not there repeat the window itself and count as 0.
  let own = window * params.rowLength + channel;
  let right = own + select(0u, params.rowLength, has_right);
  let below = own + select(0u, params.outWidth * params.rowLength, has_below);
  let across = below + (right - own);
  let sum_even = drows[own + 4u * channels];
  let sum_right = select(element(), drows[right + 3u * channels], has_right) + drows[own + 5u * channels];
  let sum_below = select(element(), drows[below + channels], has_below) + drows[own + 7u * channels];
  let sum_across = select(element(), drows[across], has_right && has_below) + select(element(), drows[below + 2u * channels], has_below)
    + select(element(), drows[right + 6u * channels], has_right) + drows[own + 8u * channels];

  let image = line / params.outHeight;
  let to = ((image * params.height + 2u * oy) * params.width + 2u * ox) * channels + channel;
  let next = to + params.width * channels;
  // The last pixel of an odd line or column has no neighbour.
  let wide = 2u * ox + 1u < params.width;
  let high = 2u * oy + 1u < params.height;
  store(to, sum_even);
  if (wide) {
    store(to + channels, sum_right);
  }
  if (high) {
    store(next, sum_below);
  }
  if (wide && high) {
    store(next + channels, sum_across);
  }
}
