// Gradient of softmax over the last dimension, each row in the registers of four lanes: dx = y (dy' - sum(dy' y)) with
// dy' = dy - sum(dy y), as in softmax_backward.wgsl.
//
// y, dy, dx: [rows, columns]; columns are counted in elements, 4 PIECES - 3 to 4 PIECES of them, PIECES at most 16.
//
// y and dy are read once and dx is written once. Lanes, pieces and dispatch as in softmax_quad.wgsl; on a GPU
// softmax_backward_kept.wgsl does the same. Needs the feature `subgroups`.
enable subgroups;

// Elements of a row that a lane keeps.
const PIECES: u32 = 2u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;

struct Params { rows: u32, columns: u32, turns: u32 }

alias pieces = array<element, 16>;

@group(0) @binding(0) var<storage, read> y: array<element>;
@group(0) @binding(1) var<storage, read> dy: array<element>;
@group(0) @binding(2) var<storage, read_write> dx: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

// Sum of the floats of an element (of an f32 the constructor makes four copies, of a quarter each), over the lanes.
fn quad_sum(own: element) -> f32 {
  let value = dot(vec4<f32>(own), vec4<f32>(0.25 * WIDTH));
  let pair = value + quadSwapX(value);
  return pair + quadSwapY(pair);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % 4u;
  let quad = (group.y * groups.x + group.x) * 4u + local / 4u;
  let quads = 4u * groups.x * groups.y;
  let last = 4u * (PIECES - 1u);
  let whole = lane + last < params.columns;
  for (var turn = 0u; turn < params.turns; turn += 1u) {
    let row = quad + turn * quads;
    // Rows past the last repeat it and are not stored; an element past the row counts with a probability of 0.
    let base = min(row, params.rows - 1u) * params.columns;
    let at = base + lane;
    let end = select(base, at + last, whole);
    var p: pieces;
    var g: pieces;
    p[PIECES - 1u] = select(element(), y[end], whole);
    g[PIECES - 1u] = dy[end];
    if (PIECES > 1u) { p[0] = y[at]; g[0] = dy[at]; }
    if (PIECES > 2u) { p[1] = y[at + 4u]; g[1] = dy[at + 4u]; }
    if (PIECES > 3u) { p[2] = y[at + 8u]; g[2] = dy[at + 8u]; }
    if (PIECES > 4u) { p[3] = y[at + 12u]; g[3] = dy[at + 12u]; }
    if (PIECES > 5u) { p[4] = y[at + 16u]; g[4] = dy[at + 16u]; }
    if (PIECES > 6u) { p[5] = y[at + 20u]; g[5] = dy[at + 20u]; }
    if (PIECES > 7u) { p[6] = y[at + 24u]; g[6] = dy[at + 24u]; }
    if (PIECES > 8u) { p[7] = y[at + 28u]; g[7] = dy[at + 28u]; }
    if (PIECES > 9u) { p[8] = y[at + 32u]; g[8] = dy[at + 32u]; }
    if (PIECES > 10u) { p[9] = y[at + 36u]; g[9] = dy[at + 36u]; }
    if (PIECES > 11u) { p[10] = y[at + 40u]; g[10] = dy[at + 40u]; }
    if (PIECES > 12u) { p[11] = y[at + 44u]; g[11] = dy[at + 44u]; }
    if (PIECES > 13u) { p[12] = y[at + 48u]; g[12] = dy[at + 48u]; }
    if (PIECES > 14u) { p[13] = y[at + 52u]; g[13] = dy[at + 52u]; }
    if (PIECES > 15u) { p[14] = y[at + 56u]; g[14] = dy[at + 56u]; }
    var own = g[0] * p[0];
    if (PIECES > 1u) { own += g[1] * p[1]; }
    if (PIECES > 2u) { own += g[2] * p[2]; }
    if (PIECES > 3u) { own += g[3] * p[3]; }
    if (PIECES > 4u) { own += g[4] * p[4]; }
    if (PIECES > 5u) { own += g[5] * p[5]; }
    if (PIECES > 6u) { own += g[6] * p[6]; }
    if (PIECES > 7u) { own += g[7] * p[7]; }
    if (PIECES > 8u) { own += g[8] * p[8]; }
    if (PIECES > 9u) { own += g[9] * p[9]; }
    if (PIECES > 10u) { own += g[10] * p[10]; }
    if (PIECES > 11u) { own += g[11] * p[11]; }
    if (PIECES > 12u) { own += g[12] * p[12]; }
    if (PIECES > 13u) { own += g[13] * p[13]; }
    if (PIECES > 14u) { own += g[14] * p[14]; }
    if (PIECES > 15u) { own += g[15] * p[15]; }
    let sum = quad_sum(own);

    g[0] -= sum;
    own = g[0] * p[0];
    if (PIECES > 1u) { g[1] -= sum; own += g[1] * p[1]; }
    if (PIECES > 2u) { g[2] -= sum; own += g[2] * p[2]; }
    if (PIECES > 3u) { g[3] -= sum; own += g[3] * p[3]; }
    if (PIECES > 4u) { g[4] -= sum; own += g[4] * p[4]; }
    if (PIECES > 5u) { g[5] -= sum; own += g[5] * p[5]; }
    if (PIECES > 6u) { g[6] -= sum; own += g[6] * p[6]; }
    if (PIECES > 7u) { g[7] -= sum; own += g[7] * p[7]; }
    if (PIECES > 8u) { g[8] -= sum; own += g[8] * p[8]; }
    if (PIECES > 9u) { g[9] -= sum; own += g[9] * p[9]; }
    if (PIECES > 10u) { g[10] -= sum; own += g[10] * p[10]; }
    if (PIECES > 11u) { g[11] -= sum; own += g[11] * p[11]; }
    if (PIECES > 12u) { g[12] -= sum; own += g[12] * p[12]; }
    if (PIECES > 13u) { g[13] -= sum; own += g[13] * p[13]; }
    if (PIECES > 14u) { g[14] -= sum; own += g[14] * p[14]; }
    if (PIECES > 15u) { g[15] -= sum; own += g[15] * p[15]; }
    let rest = quad_sum(own);

    if (row < params.rows) {
      if (PIECES > 1u) { dx[at] = p[0] * (g[0] - rest); }
      if (PIECES > 2u) { dx[at + 4u] = p[1] * (g[1] - rest); }
      if (PIECES > 3u) { dx[at + 8u] = p[2] * (g[2] - rest); }
      if (PIECES > 4u) { dx[at + 12u] = p[3] * (g[3] - rest); }
      if (PIECES > 5u) { dx[at + 16u] = p[4] * (g[4] - rest); }
      if (PIECES > 6u) { dx[at + 20u] = p[5] * (g[5] - rest); }
      if (PIECES > 7u) { dx[at + 24u] = p[6] * (g[6] - rest); }
      if (PIECES > 8u) { dx[at + 28u] = p[7] * (g[7] - rest); }
      if (PIECES > 9u) { dx[at + 32u] = p[8] * (g[8] - rest); }
      if (PIECES > 10u) { dx[at + 36u] = p[9] * (g[9] - rest); }
      if (PIECES > 11u) { dx[at + 40u] = p[10] * (g[10] - rest); }
      if (PIECES > 12u) { dx[at + 44u] = p[11] * (g[11] - rest); }
      if (PIECES > 13u) { dx[at + 48u] = p[12] * (g[12] - rest); }
      if (PIECES > 14u) { dx[at + 52u] = p[13] * (g[13] - rest); }
      if (PIECES > 15u) { dx[at + 56u] = p[14] * (g[14] - rest); }
      if (whole) {
        dx[end] = p[PIECES - 1u] * (g[PIECES - 1u] - rest);
      }
    }
  }
}
