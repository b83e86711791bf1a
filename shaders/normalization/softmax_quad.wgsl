// Softmax over the last dimension, each row in the registers of four lanes: y = exp(x - max) / sum exp(x - max).
//
// x, y: [rows, columns]; columns are counted in elements, 4 PIECES - 3 to 4 PIECES of them, PIECES at most 16.
//
// x is read once, every exponential is taken once and y is written once. Why quads and constant indices: see
// layer_norm_quad.wgsl; here lane l has the elements l, l + 4, ..., so that only its last may lie past the row. On a GPU
// softmax_kept.wgsl does the same. Needs the feature `subgroups`.
//
// Dispatch: workgroups of four quads; quad q takes the rows q, q + quads, ...: `turns` of them. Workgroups spill from
// x into y.
enable subgroups;

// Elements of a row that a lane keeps.
const PIECES: u32 = 2u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;

struct Params { rows: u32, columns: u32, turns: u32 }

alias pieces = array<element, 16>;

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

// Sum of the floats of an element (of an f32 the constructor makes four copies, of a quarter each), over the lanes.
fn quad_sum(own: element) -> f32 {
  let value = dot(vec4<f32>(own), vec4<f32>(0.25 * WIDTH));
  let pair = value + quadSwapX(value);
  return pair + quadSwapY(pair);
}

fn quad_max(own: element) -> f32 {
  let four = vec4<f32>(own);
  let value = max(max(four.x, four.y), max(four.z, four.w));
  let pair = max(value, quadSwapX(value));
  return max(pair, quadSwapY(pair));
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
    // Rows past the last repeat it and are not stored; an element past the row repeats the row's first and counts nothing.
    let base = min(row, params.rows - 1u) * params.columns;
    let at = base + lane;
    let end = select(base, at + last, whole);
    var v: pieces;
    v[PIECES - 1u] = x[end];
    if (PIECES > 1u) { v[0] = x[at]; }
    if (PIECES > 2u) { v[1] = x[at + 4u]; }
    if (PIECES > 3u) { v[2] = x[at + 8u]; }
    if (PIECES > 4u) { v[3] = x[at + 12u]; }
    if (PIECES > 5u) { v[4] = x[at + 16u]; }
    if (PIECES > 6u) { v[5] = x[at + 20u]; }
    if (PIECES > 7u) { v[6] = x[at + 24u]; }
    if (PIECES > 8u) { v[7] = x[at + 28u]; }
    if (PIECES > 9u) { v[8] = x[at + 32u]; }
    if (PIECES > 10u) { v[9] = x[at + 36u]; }
    if (PIECES > 11u) { v[10] = x[at + 40u]; }
    if (PIECES > 12u) { v[11] = x[at + 44u]; }
    if (PIECES > 13u) { v[12] = x[at + 48u]; }
    if (PIECES > 14u) { v[13] = x[at + 52u]; }
    if (PIECES > 15u) { v[14] = x[at + 56u]; }
    var own = v[0];
    if (PIECES > 1u) { own = max(own, v[1]); }
    if (PIECES > 2u) { own = max(own, v[2]); }
    if (PIECES > 3u) { own = max(own, v[3]); }
    if (PIECES > 4u) { own = max(own, v[4]); }
    if (PIECES > 5u) { own = max(own, v[5]); }
    if (PIECES > 6u) { own = max(own, v[6]); }
    if (PIECES > 7u) { own = max(own, v[7]); }
    if (PIECES > 8u) { own = max(own, v[8]); }
    if (PIECES > 9u) { own = max(own, v[9]); }
    if (PIECES > 10u) { own = max(own, v[10]); }
    if (PIECES > 11u) { own = max(own, v[11]); }
    if (PIECES > 12u) { own = max(own, v[12]); }
    if (PIECES > 13u) { own = max(own, v[13]); }
    if (PIECES > 14u) { own = max(own, v[14]); }
    if (PIECES > 15u) { own = max(own, v[15]); }
    let largest = quad_max(own);

    v[0] = exp(v[0] - largest);
    if (PIECES > 1u) { v[1] = exp(v[1] - largest); }
    if (PIECES > 2u) { v[2] = exp(v[2] - largest); }
    if (PIECES > 3u) { v[3] = exp(v[3] - largest); }
    if (PIECES > 4u) { v[4] = exp(v[4] - largest); }
    if (PIECES > 5u) { v[5] = exp(v[5] - largest); }
    if (PIECES > 6u) { v[6] = exp(v[6] - largest); }
    if (PIECES > 7u) { v[7] = exp(v[7] - largest); }
    if (PIECES > 8u) { v[8] = exp(v[8] - largest); }
    if (PIECES > 9u) { v[9] = exp(v[9] - largest); }
    if (PIECES > 10u) { v[10] = exp(v[10] - largest); }
    if (PIECES > 11u) { v[11] = exp(v[11] - largest); }
    if (PIECES > 12u) { v[12] = exp(v[12] - largest); }
    if (PIECES > 13u) { v[13] = exp(v[13] - largest); }
    if (PIECES > 14u) { v[14] = exp(v[14] - largest); }
    if (PIECES > 15u) { v[15] = exp(v[15] - largest); }
    v[PIECES - 1u] = select(element(), v[PIECES - 1u], whole);
    own = v[0];
    if (PIECES > 1u) { own += v[1]; }
    if (PIECES > 2u) { own += v[2]; }
    if (PIECES > 3u) { own += v[3]; }
    if (PIECES > 4u) { own += v[4]; }
    if (PIECES > 5u) { own += v[5]; }
    if (PIECES > 6u) { own += v[6]; }
    if (PIECES > 7u) { own += v[7]; }
    if (PIECES > 8u) { own += v[8]; }
    if (PIECES > 9u) { own += v[9]; }
    if (PIECES > 10u) { own += v[10]; }
    if (PIECES > 11u) { own += v[11]; }
    if (PIECES > 12u) { own += v[12]; }
    if (PIECES > 13u) { own += v[13]; }
    if (PIECES > 14u) { own += v[14]; }
    if (PIECES > 15u) { own += v[15]; }
    let factor = 1.0 / quad_sum(own);

    if (row < params.rows) {
      if (PIECES > 1u) { y[at] = v[0] * factor; }
      if (PIECES > 2u) { y[at + 4u] = v[1] * factor; }
      if (PIECES > 3u) { y[at + 8u] = v[2] * factor; }
      if (PIECES > 4u) { y[at + 12u] = v[3] * factor; }
      if (PIECES > 5u) { y[at + 16u] = v[4] * factor; }
      if (PIECES > 6u) { y[at + 20u] = v[5] * factor; }
      if (PIECES > 7u) { y[at + 24u] = v[6] * factor; }
      if (PIECES > 8u) { y[at + 28u] = v[7] * factor; }
      if (PIECES > 9u) { y[at + 32u] = v[8] * factor; }
      if (PIECES > 10u) { y[at + 36u] = v[9] * factor; }
      if (PIECES > 11u) { y[at + 40u] = v[10] * factor; }
      if (PIECES > 12u) { y[at + 44u] = v[11] * factor; }
      if (PIECES > 13u) { y[at + 48u] = v[12] * factor; }
      if (PIECES > 14u) { y[at + 52u] = v[13] * factor; }
      if (PIECES > 15u) { y[at + 56u] = v[14] * factor; }
      if (whole) {
        y[end] = v[PIECES - 1u] * factor;
      }
    }
  }
}
