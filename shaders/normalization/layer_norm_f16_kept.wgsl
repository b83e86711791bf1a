// Layer normalisation (Ba, Kiros and Hinton 2016) over the last dimension, for GPUs: each row in the registers of its lanes.
//   mean = sum x / C,  rstd = 1 / sqrt(sum (x - mean)^2 / C + epsilon),  y = f16((x - mean) rstd weight + bias)
// with a result in f16, for products of f16: layer_norm_kept.wgsl otherwise, of which it is a copy with other stores.
//
// x: [rows, columns] of vec4; y the same, as pairs of words of two f16, so that a lane stores its four numbers at once;
// weight, bias: [columns] of vec4; statistics: [rows, 2] = mean, rstd, kept for the backward pass.
//
// Dispatch, lanes and pieces as in layer_norm_kept.wgsl.
const LANES: u32 = 8u;
const PIECES: u32 = 2u;

// Four f16 in two words, the first in the low half.
alias half4 = vec2<u32>;

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<half4>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> squares: array<vec2<f32>, 64>;

fn total(value: vec4<f32>) -> f32 {
  return value.x + value.y + (value.z + value.w);
}

// The bits of the nearest f16 number, as in elementwise/to_half.wgsl, but one by one, which wgsl_reflect's
// interpreter gets right.
fn half_bits(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  let odd = (magnitude >> 13u) & 1u;
  let normal = (magnitude + odd - 0x37fff001u) >> 13u;
  let small = bitcast<u32>(abs(value) + 0.5) - 0x3f000000u;
  let finite = select(normal, small, magnitude < 0x38800000u);
  let special = select(0x7c00u, 0x7e00u, magnitude > 0x7f800000u);
  return select(finite, special, magnitude >= 0x477ff000u) | ((bits >> 16u) & 0x8000u);
}

fn pack_half(value: vec2<f32>) -> u32 {
  return half_bits(value.x) | (half_bits(value.y) << 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let first = local - lane;
  let row = (group.y * groups.x + group.x) * (64u / LANES) + local / LANES;
  let valid = row < params.rows;
  let base = select(0u, row * params.columns, valid);
  let end = select(0u, params.columns, valid);
  let share = 0.25 / f32(params.columns);

  var kept: array<vec4<f32>, PIECES>;
  var own = vec4<f32>();
  for (var k = 0u; k < PIECES; k += 1u) {
    let c = lane + k * LANES;
    if (c < end) {
      kept[k] = x[base + c];
      own += kept[k];
    }
  }
  sums[local] = total(own);
  workgroupBarrier();
  var sum = 0.0;
  for (var k = 0u; k < LANES; k += 1u) {
    sum += sums[first + k];
  }
  let rough = sum * share;

  // The deviations' sum is what rounding has left of the mean; see layer_norm.wgsl.
  var deviations = vec4<f32>();
  var own_squares = vec4<f32>();
  for (var k = 0u; k < PIECES; k += 1u) {
    if (lane + k * LANES < end) {
      let centred = kept[k] - rough;
      kept[k] = centred;
      deviations += centred;
      own_squares += centred * centred;
    }
  }
  squares[local] = vec2<f32>(total(deviations), total(own_squares));
  workgroupBarrier();
  var both = vec2<f32>();
  for (var k = 0u; k < LANES; k += 1u) {
    both += squares[first + k];
  }
  let correction = both.x * share;
  let variance = max(both.y * share - correction * correction, 0.0);
  let rstd = 1.0 / sqrt(variance + params.epsilon);

  for (var k = 0u; k < PIECES; k += 1u) {
    let c = lane + k * LANES;
    if (c < end) {
      let value = (kept[k] - correction) * rstd * weight[c] + bias[c];
      y[base + c] = half4(pack_half(value.xy), pack_half(value.zw));
    }
  }
  if (valid && lane == 0u) {
    statistics[2u * row] = rough + correction;
    statistics[2u * row + 1u] = rstd;
  }
}
