// Layer normalisation (Ba, Kiros and Hinton 2016) over the last dimension, each row in the registers of four lanes:
//   mean = sum x / C,  rstd = 1 / sqrt(sum (x - mean)^2 / C + epsilon),  y = f16((x - mean) rstd weight + bias)
// with a result in f16, for products of f16: layer_norm_quad.wgsl otherwise, of which it is a copy with other stores.
//
// x: [rows, C]; y the same, as pairs of words of two f16; weight, bias: [C]; statistics: [rows, 2] = mean, rstd, kept for
// the backward pass. C is 16 PIECES, PIECES at most 12. Needs the feature `subgroups`.
//
// Dispatch, quads and pieces as in layer_norm_quad.wgsl.
enable subgroups;

// vec4s of a row that a lane keeps.
const PIECES: u32 = 2u;

// Four f16 in two words, the first in the low half.
alias half4 = vec2<u32>;

struct Params { rows: u32, turns: u32, epsilon: f32 }

alias pieces = array<vec4<f32>, 12>;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<half4>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// The nearest f16 numbers, as in elementwise/to_half.wgsl.
fn packed(value: vec4<f32>) -> half4 {
  let bits = bitcast<vec4<u32>>(value);
  let magnitude = bits & vec4<u32>(0x7fffffffu);
  let odd = (magnitude >> vec4<u32>(13u)) & vec4<u32>(1u);
  let normal = (magnitude + odd - vec4<u32>(0x37fff001u)) >> vec4<u32>(13u);
  let small = bitcast<vec4<u32>>(abs(value) + vec4<f32>(0.5)) - vec4<u32>(0x3f000000u);
  let finite = select(normal, small, magnitude < vec4<u32>(0x38800000u));
  let special = select(vec4<u32>(0x7c00u), vec4<u32>(0x7e00u), magnitude > vec4<u32>(0x7f800000u));
  let rounded = select(finite, special, magnitude >= vec4<u32>(0x477ff000u)) | ((bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
  return half4(rounded.x | (rounded.y << 16u), rounded.z | (rounded.w << 16u));
}

// Sum over the four lanes' vec4s, the same in all of them.
fn quad_sum(own: vec4<f32>) -> f32 {
  let value = own.x + own.y + (own.z + own.w);
  let pair = value + quadSwapX(value);
  return pair + quadSwapY(pair);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % 4u;
  let first = PIECES * lane;
  let quad = (group.y * groups.x + group.x) * 4u + local / 4u;
  let quads = 4u * groups.x * groups.y;
  let share = 1.0 / (16.0 * f32(PIECES));
  var w: pieces;
  var b: pieces;
  w[0] = weight[first];
  b[0] = bias[first];
  if (PIECES > 1u) { w[1] = weight[first + 1u]; b[1] = bias[first + 1u]; }
  if (PIECES > 2u) { w[2] = weight[first + 2u]; b[2] = bias[first + 2u]; }
  if (PIECES > 3u) { w[3] = weight[first + 3u]; b[3] = bias[first + 3u]; }
  if (PIECES > 4u) { w[4] = weight[first + 4u]; b[4] = bias[first + 4u]; }
  if (PIECES > 5u) { w[5] = weight[first + 5u]; b[5] = bias[first + 5u]; }
  if (PIECES > 6u) { w[6] = weight[first + 6u]; b[6] = bias[first + 6u]; }
  if (PIECES > 7u) { w[7] = weight[first + 7u]; b[7] = bias[first + 7u]; }
  if (PIECES > 8u) { w[8] = weight[first + 8u]; b[8] = bias[first + 8u]; }
  if (PIECES > 9u) { w[9] = weight[first + 9u]; b[9] = bias[first + 9u]; }
  if (PIECES > 10u) { w[10] = weight[first + 10u]; b[10] = bias[first + 10u]; }
  if (PIECES > 11u) { w[11] = weight[first + 11u]; b[11] = bias[first + 11u]; }

  for (var turn = 0u; turn < params.turns; turn += 1u) {
    let row = quad + turn * quads;
    // Rows past the last repeat it and are not stored.
    let at = min(row, params.rows - 1u) * 4u * PIECES + first;
    var v: pieces;
    v[0] = x[at];
    if (PIECES > 1u) { v[1] = x[at + 1u]; }
    if (PIECES > 2u) { v[2] = x[at + 2u]; }
    if (PIECES > 3u) { v[3] = x[at + 3u]; }
    if (PIECES > 4u) { v[4] = x[at + 4u]; }
    if (PIECES > 5u) { v[5] = x[at + 5u]; }
    if (PIECES > 6u) { v[6] = x[at + 6u]; }
    if (PIECES > 7u) { v[7] = x[at + 7u]; }
    if (PIECES > 8u) { v[8] = x[at + 8u]; }
    if (PIECES > 9u) { v[9] = x[at + 9u]; }
    if (PIECES > 10u) { v[10] = x[at + 10u]; }
    if (PIECES > 11u) { v[11] = x[at + 11u]; }
    var sum = v[0];
    if (PIECES > 1u) { sum += v[1]; }
    if (PIECES > 2u) { sum += v[2]; }
    if (PIECES > 3u) { sum += v[3]; }
    if (PIECES > 4u) { sum += v[4]; }
    if (PIECES > 5u) { sum += v[5]; }
    if (PIECES > 6u) { sum += v[6]; }
    if (PIECES > 7u) { sum += v[7]; }
    if (PIECES > 8u) { sum += v[8]; }
    if (PIECES > 9u) { sum += v[9]; }
    if (PIECES > 10u) { sum += v[10]; }
    if (PIECES > 11u) { sum += v[11]; }
    let rough = quad_sum(sum) * share;

    var rest = vec4<f32>();
    var square = vec4<f32>();
    v[0] -= rough;
    rest += v[0];
    square += v[0] * v[0];
    if (PIECES > 1u) { v[1] -= rough; rest += v[1]; square += v[1] * v[1]; }
    if (PIECES > 2u) { v[2] -= rough; rest += v[2]; square += v[2] * v[2]; }
    if (PIECES > 3u) { v[3] -= rough; rest += v[3]; square += v[3] * v[3]; }
    if (PIECES > 4u) { v[4] -= rough; rest += v[4]; square += v[4] * v[4]; }
    if (PIECES > 5u) { v[5] -= rough; rest += v[5]; square += v[5] * v[5]; }
    if (PIECES > 6u) { v[6] -= rough; rest += v[6]; square += v[6] * v[6]; }
    if (PIECES > 7u) { v[7] -= rough; rest += v[7]; square += v[7] * v[7]; }
    if (PIECES > 8u) { v[8] -= rough; rest += v[8]; square += v[8] * v[8]; }
    if (PIECES > 9u) { v[9] -= rough; rest += v[9]; square += v[9] * v[9]; }
    if (PIECES > 10u) { v[10] -= rough; rest += v[10]; square += v[10] * v[10]; }
    if (PIECES > 11u) { v[11] -= rough; rest += v[11]; square += v[11] * v[11]; }
    let correction = quad_sum(rest) * share;
    let variance = max(quad_sum(square) * share - correction * correction, 0.0);
    let rstd = 1.0 / sqrt(variance + params.epsilon);

    if (row < params.rows) {
      y[at] = packed((v[0] - correction) * rstd * w[0] + b[0]);
      if (PIECES > 1u) { y[at + 1u] = packed((v[1] - correction) * rstd * w[1] + b[1]); }
      if (PIECES > 2u) { y[at + 2u] = packed((v[2] - correction) * rstd * w[2] + b[2]); }
      if (PIECES > 3u) { y[at + 3u] = packed((v[3] - correction) * rstd * w[3] + b[3]); }
      if (PIECES > 4u) { y[at + 4u] = packed((v[4] - correction) * rstd * w[4] + b[4]); }
      if (PIECES > 5u) { y[at + 5u] = packed((v[5] - correction) * rstd * w[5] + b[5]); }
      if (PIECES > 6u) { y[at + 6u] = packed((v[6] - correction) * rstd * w[6] + b[6]); }
      if (PIECES > 7u) { y[at + 7u] = packed((v[7] - correction) * rstd * w[7] + b[7]); }
      if (PIECES > 8u) { y[at + 8u] = packed((v[8] - correction) * rstd * w[8] + b[8]); }
      if (PIECES > 9u) { y[at + 9u] = packed((v[9] - correction) * rstd * w[9] + b[9]); }
      if (PIECES > 10u) { y[at + 10u] = packed((v[10] - correction) * rstd * w[10] + b[10]); }
      if (PIECES > 11u) { y[at + 11u] = packed((v[11] - correction) * rstd * w[11] + b[11]); }
      if (lane == 0u) {
        statistics[2u * row] = rough + correction;
        statistics[2u * row + 1u] = rstd;
      }
    }
  }
}
