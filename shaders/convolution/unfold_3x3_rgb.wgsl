// Unfolds an image of three channels into the rows of a matrix (im2col) for windows of 3 x 3, as unfold.wgsl does:
//   rows[(b, oy, ox), (ky, kx, c)] = x[b, oy stride + ky - padding, ox stride + kx - padding, c], 0 outside the image.
//
// x [batch, height, width, 3]; rows [batch * outHeight * outWidth, 28], the last column 0.
//
// Dispatch: one thread per window, flat; workgroups spill from x into y. Three channels are no vec4, but 28 columns are
// seven: a thread has its window in registers and stores it in seven pieces instead of 28. Written out rather than looped
// over, so that all 27 loads are on their way at once and places are worked out once per line and column.

struct Params {
  windows: u32,
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  stride: u32,
  padding: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> rows: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

// The three channels of a pixel, or 0 outside the image.
fn pixel(line: u32, row: u32, column: u32) -> vec3<f32> {
  let inside = row < params.height && column < params.width;
  let at = select(0u, 3u * (line + column), inside);
  return select(vec3<f32>(), vec3<f32>(x[at], x[at + 1u], x[at + 2u]), vec3<bool>(inside));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let window = (group.y * groups.x + group.x) * 64u + lane;
  if (window >= params.windows) {
    return;
  }
  let line = window / params.outWidth;
  let image = line / params.outHeight;
  // Coordinates left of or above the image wrap to large numbers and fail the test for the right and lower edge.
  let row = (line % params.outHeight) * params.stride - params.padding;
  let left = (window % params.outWidth) * params.stride - params.padding;
  let start = (image * params.height + row) * params.width;
  let below = start + params.width;
  let last = below + params.width;
  let a = pixel(start, row, left);
  let b = pixel(start, row, left + 1u);
  let c = pixel(start, row, left + 2u);
  let d = pixel(below, row + 1u, left);
  let e = pixel(below, row + 1u, left + 1u);
  let f = pixel(below, row + 1u, left + 2u);
  let g = pixel(last, row + 2u, left);
  let h = pixel(last, row + 2u, left + 1u);
  let i = pixel(last, row + 2u, left + 2u);
  let to = 7u * window;
  rows[to] = vec4<f32>(a.x, a.y, a.z, b.x);
  rows[to + 1u] = vec4<f32>(b.y, b.z, c.x, c.y);
  rows[to + 2u] = vec4<f32>(c.z, d.x, d.y, d.z);
  rows[to + 3u] = vec4<f32>(e.x, e.y, e.z, f.x);
  rows[to + 4u] = vec4<f32>(f.y, f.z, g.x, g.y);
  rows[to + 5u] = vec4<f32>(g.z, h.x, h.y, h.z);
  rows[to + 6u] = vec4<f32>(i.x, i.y, i.z, 0.0);
}
