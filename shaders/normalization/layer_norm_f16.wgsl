// Layer normalisation (Ba, Kiros and Hinton 2016) over the last dimension:
//   mean = sum x / C,  rstd = 1 / sqrt(sum (x - mean)^2 / C + epsilon),  y = f16((x - mean) rstd weight + bias)
// with a result in f16, for products of f16: layer_norm.wgsl otherwise, of which it is a copy with other stores.
//
// x: [rows, columns] of vec4; y the same, as words of two f16; weight, bias: [columns] of vec4;
// statistics: [rows, 2] = mean, rstd, kept for the backward pass.
// Two passes over the row (the second from cache): the variance does not cancel. The second also sums x - mean, what
// rounding has left of the mean: small numbers, so that rows far from 0 keep their digits.
//
// Dispatch: LANES neighbouring threads share a row and 64 / LANES rows share a workgroup; workgroups spill from x
// into y. On a GPU LANES is 8 to 32, so that a row is read in coalesced pieces; each lane keeps a partial sum and
// all lanes add the partial sums in the same order. With LANES = 1 there is no barrier left, which suits
// implementations on a CPU.
const LANES: u32 = 16u;

// Two f16 in a word, the first in the low half.
alias half2 = u32;

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<half2>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> rests: array<f32, 64>;
var<workgroup> squares: array<f32, 64>;

fn total(value: vec4<f32>) -> f32 {
  return dot(value, vec4<f32>(1.0));
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
  let row = (group.y * groups.x + group.x) * (64u / LANES) + local / LANES;
  let valid = row < params.rows;
  let base = select(0u, row * params.columns, valid);
  let end = select(0u, params.columns, valid);
  let first = local - lane;
  let count = 4.0 * f32(params.columns);

  var sum = 0.0;
  for (var c = lane; c < end; c += LANES) {
    sum += total(x[base + c]);
  }
  if (LANES > 1u) {
    sums[local] = sum;
    workgroupBarrier();
    sum = 0.0;
    for (var k = 0u; k < LANES; k += 1u) {
      sum += sums[first + k];
    }
  }
  let rough = sum / count;

  var rest = 0.0;
  var square = 0.0;
  for (var c = lane; c < end; c += LANES) {
    let centred = x[base + c] - rough;
    rest += total(centred);
    square += total(centred * centred);
  }
  if (LANES > 1u) {
    rests[local] = rest;
    squares[local] = square;
    workgroupBarrier();
    rest = 0.0;
    square = 0.0;
    for (var k = 0u; k < LANES; k += 1u) {
      rest += rests[first + k];
      square += squares[first + k];
    }
  }
  let correction = rest / count;
  let variance = max(square / count - correction * correction, 0.0);
  let rstd = 1.0 / sqrt(variance + params.epsilon);

  for (var c = lane; c < end; c += LANES) {
    let value = ((x[base + c] - rough) - correction) * rstd * weight[c] + bias[c];
    y[2u * (base + c)] = pack_half(value.xy);
    y[2u * (base + c) + 1u] = pack_half(value.zw);
  }
  if (valid && lane == 0u) {
    statistics[2u * row] = rough + correction;
    statistics[2u * row + 1u] = rstd;
  }
}
