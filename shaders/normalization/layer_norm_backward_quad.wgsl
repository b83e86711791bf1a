// All gradients of layer normalisation in one pass, each row in the registers of four lanes. With n = (x - mean) rstd
// and g = dy weight:
//   dx = rstd (g - sum(g) / C - n sum(g n) / C),  dweight = sum over rows of dy n,  dbias = sum over rows of dy
// With ADDS, before + dx: the gradient that x got from its other uses is added on the way. C is 16 PIECES, PIECES at
// most 12.
//
// x, dy, before, dx: [rows, C]; before is not touched without ADDS; weight: [C]; statistics: [rows, 2] = mean, rstd of the forward
// pass; partial: [quads, 2, C], each quad's share of dweight and dbias, which reduction/column_sum_finish adds up.
//
// x and dy are read once and dx is written once; a lane has the same columns of every row, so that the two sums over rows
// stay in its registers. Why quads, constant indices and neighbouring pieces: see layer_norm_quad.wgsl. On a GPU
// layer_norm_backward_kept.wgsl does the same.
//
// Dispatch: workgroups of four quads; quad q takes the rows q, q + quads, ...: `turns` of them. Workgroups spill from
// x into y.
enable subgroups;

// vec4s of a row that a lane keeps.
const PIECES: u32 = 2u;
const ADDS: bool = false;

struct Params { rows: u32, turns: u32 }

alias pieces = array<vec4<f32>, 12>;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> before: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;
@group(0) @binding(7) var<uniform> params: Params;

// Sum over the four lanes' vec4s, the same in all of them.
fn quad_sum(own: vec4<f32>) -> f32 {
  let value = own.x + own.y + (own.z + own.w);
  let pair = value + quadSwapX(value);
  return pair + quadSwapY(pair);
}

fn store(at: u32, value: vec4<f32>) {
  var own = value;
  if (ADDS) {
    own += before[at];
  }
  dx[at] = own;
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % 4u;
  let first = PIECES * lane;
  let quad = (group.y * groups.x + group.x) * 4u + local / 4u;
  let quads = 4u * groups.x * groups.y;
  let share = 1.0 / (16.0 * f32(PIECES));
  var w: pieces;
  w[0] = weight[first];
  if (PIECES > 1u) { w[1] = weight[first + 1u]; }
  if (PIECES > 2u) { w[2] = weight[first + 2u]; }
  if (PIECES > 3u) { w[3] = weight[first + 3u]; }
  if (PIECES > 4u) { w[4] = weight[first + 4u]; }
  if (PIECES > 5u) { w[5] = weight[first + 5u]; }
  if (PIECES > 6u) { w[6] = weight[first + 6u]; }
  if (PIECES > 7u) { w[7] = weight[first + 7u]; }
  if (PIECES > 8u) { w[8] = weight[first + 8u]; }
  if (PIECES > 9u) { w[9] = weight[first + 9u]; }
  if (PIECES > 10u) { w[10] = weight[first + 10u]; }
  if (PIECES > 11u) { w[11] = weight[first + 11u]; }

  var products: pieces;
  var sums: pieces;
  for (var turn = 0u; turn < params.turns; turn += 1u) {
    let row = quad + turn * quads;
    let valid = row < params.rows;
    // Rows past the last repeat it with a gradient of 0, and are not stored.
    let kept = min(row, params.rows - 1u);
    let at = kept * 4u * PIECES + first;
    // Lanes 0 and 2 load the mean, 1 and 3 the reciprocal deviation.
    let pair = statistics[2u * kept + lane % 2u];
    let mean = quadBroadcast(pair, 0u);
    let rstd = quadBroadcast(pair, 1u);
    let exists = select(0.0, 1.0, valid);
    var n: pieces;
    var g: pieces;
    var sum = vec4<f32>();
    var product = vec4<f32>();
    n[0] = (x[at] - mean) * rstd;
    g[0] = exists * dy[at];
    if (PIECES > 1u) { n[1] = (x[at + 1u] - mean) * rstd; g[1] = exists * dy[at + 1u]; }
    if (PIECES > 2u) { n[2] = (x[at + 2u] - mean) * rstd; g[2] = exists * dy[at + 2u]; }
    if (PIECES > 3u) { n[3] = (x[at + 3u] - mean) * rstd; g[3] = exists * dy[at + 3u]; }
    if (PIECES > 4u) { n[4] = (x[at + 4u] - mean) * rstd; g[4] = exists * dy[at + 4u]; }
    if (PIECES > 5u) { n[5] = (x[at + 5u] - mean) * rstd; g[5] = exists * dy[at + 5u]; }
    if (PIECES > 6u) { n[6] = (x[at + 6u] - mean) * rstd; g[6] = exists * dy[at + 6u]; }
    if (PIECES > 7u) { n[7] = (x[at + 7u] - mean) * rstd; g[7] = exists * dy[at + 7u]; }
    if (PIECES > 8u) { n[8] = (x[at + 8u] - mean) * rstd; g[8] = exists * dy[at + 8u]; }
    if (PIECES > 9u) { n[9] = (x[at + 9u] - mean) * rstd; g[9] = exists * dy[at + 9u]; }
    if (PIECES > 10u) { n[10] = (x[at + 10u] - mean) * rstd; g[10] = exists * dy[at + 10u]; }
    if (PIECES > 11u) { n[11] = (x[at + 11u] - mean) * rstd; g[11] = exists * dy[at + 11u]; }
    products[0] += g[0] * n[0];
    sums[0] += g[0];
    g[0] *= w[0];
    if (PIECES > 1u) { products[1] += g[1] * n[1]; sums[1] += g[1]; g[1] *= w[1]; }
    if (PIECES > 2u) { products[2] += g[2] * n[2]; sums[2] += g[2]; g[2] *= w[2]; }
    if (PIECES > 3u) { products[3] += g[3] * n[3]; sums[3] += g[3]; g[3] *= w[3]; }
    if (PIECES > 4u) { products[4] += g[4] * n[4]; sums[4] += g[4]; g[4] *= w[4]; }
    if (PIECES > 5u) { products[5] += g[5] * n[5]; sums[5] += g[5]; g[5] *= w[5]; }
    if (PIECES > 6u) { products[6] += g[6] * n[6]; sums[6] += g[6]; g[6] *= w[6]; }
    if (PIECES > 7u) { products[7] += g[7] * n[7]; sums[7] += g[7]; g[7] *= w[7]; }
    if (PIECES > 8u) { products[8] += g[8] * n[8]; sums[8] += g[8]; g[8] *= w[8]; }
    if (PIECES > 9u) { products[9] += g[9] * n[9]; sums[9] += g[9]; g[9] *= w[9]; }
    if (PIECES > 10u) { products[10] += g[10] * n[10]; sums[10] += g[10]; g[10] *= w[10]; }
    if (PIECES > 11u) { products[11] += g[11] * n[11]; sums[11] += g[11]; g[11] *= w[11]; }
    sum += g[0];
    product += g[0] * n[0];
    if (PIECES > 1u) { sum += g[1]; product += g[1] * n[1]; }
    if (PIECES > 2u) { sum += g[2]; product += g[2] * n[2]; }
    if (PIECES > 3u) { sum += g[3]; product += g[3] * n[3]; }
    if (PIECES > 4u) { sum += g[4]; product += g[4] * n[4]; }
    if (PIECES > 5u) { sum += g[5]; product += g[5] * n[5]; }
    if (PIECES > 6u) { sum += g[6]; product += g[6] * n[6]; }
    if (PIECES > 7u) { sum += g[7]; product += g[7] * n[7]; }
    if (PIECES > 8u) { sum += g[8]; product += g[8] * n[8]; }
    if (PIECES > 9u) { sum += g[9]; product += g[9] * n[9]; }
    if (PIECES > 10u) { sum += g[10]; product += g[10] * n[10]; }
    if (PIECES > 11u) { sum += g[11]; product += g[11] * n[11]; }
    let shift = quad_sum(sum) * share;
    let slope = quad_sum(product) * share;
    if (valid) {
      store(at, rstd * (g[0] - shift - n[0] * slope));
      if (PIECES > 1u) { store(at + 1u, rstd * (g[1] - shift - n[1] * slope)); }
      if (PIECES > 2u) { store(at + 2u, rstd * (g[2] - shift - n[2] * slope)); }
      if (PIECES > 3u) { store(at + 3u, rstd * (g[3] - shift - n[3] * slope)); }
      if (PIECES > 4u) { store(at + 4u, rstd * (g[4] - shift - n[4] * slope)); }
      if (PIECES > 5u) { store(at + 5u, rstd * (g[5] - shift - n[5] * slope)); }
      if (PIECES > 6u) { store(at + 6u, rstd * (g[6] - shift - n[6] * slope)); }
      if (PIECES > 7u) { store(at + 7u, rstd * (g[7] - shift - n[7] * slope)); }
      if (PIECES > 8u) { store(at + 8u, rstd * (g[8] - shift - n[8] * slope)); }
      if (PIECES > 9u) { store(at + 9u, rstd * (g[9] - shift - n[9] * slope)); }
      if (PIECES > 10u) { store(at + 10u, rstd * (g[10] - shift - n[10] * slope)); }
      if (PIECES > 11u) { store(at + 11u, rstd * (g[11] - shift - n[11] * slope)); }
    }
  }

  let own = 2u * quad * 4u * PIECES + first;
  let other = own + 4u * PIECES;
  partial[own] = products[0];
  partial[other] = sums[0];
  if (PIECES > 1u) { partial[own + 1u] = products[1]; partial[other + 1u] = sums[1]; }
  if (PIECES > 2u) { partial[own + 2u] = products[2]; partial[other + 2u] = sums[2]; }
  if (PIECES > 3u) { partial[own + 3u] = products[3]; partial[other + 3u] = sums[3]; }
  if (PIECES > 4u) { partial[own + 4u] = products[4]; partial[other + 4u] = sums[4]; }
  if (PIECES > 5u) { partial[own + 5u] = products[5]; partial[other + 5u] = sums[5]; }
  if (PIECES > 6u) { partial[own + 6u] = products[6]; partial[other + 6u] = sums[6]; }
  if (PIECES > 7u) { partial[own + 7u] = products[7]; partial[other + 7u] = sums[7]; }
  if (PIECES > 8u) { partial[own + 8u] = products[8]; partial[other + 8u] = sums[8]; }
  if (PIECES > 9u) { partial[own + 9u] = products[9]; partial[other + 9u] = sums[9]; }
  if (PIECES > 10u) { partial[own + 10u] = products[10]; partial[other + 10u] = sums[10]; }
  if (PIECES > 11u) { partial[own + 11u] = products[11]; partial[other + 11u] = sums[11]; }
}
