// Layer normalisation (Ba, Kiros and Hinton 2016) over the last dimension, for GPUs: each row in the registers of its lanes.
//   mean = sum x / C,  rstd = 1 / sqrt(sum (x - mean)^2 / C + epsilon),  y = (x - mean) rstd weight + bias
// Formula, layouts and rounding as in layer_norm.wgsl, which reads a row three times (twice from a cache).
//
// x, y: [rows, columns] of vec4; weight, bias: [columns] of vec4; statistics: [rows, 2] = mean, rstd, kept for the
// backward pass.
//
// Dispatch: LANES neighbouring threads share a row and 64 / LANES rows share a workgroup; workgroups spill from x into
// y. Lane l keeps the pieces l, l + LANES, ...: PIECES of them, so that a row of any length is read once, in coalesced
// vec4s, and few lanes idle (swin-t's rows are 24, 48, 96 and 192 vec4s: 3 for each of 8, 16 and 32 lanes, 6 for 32).
// The loops over PIECES are of constant length: compilers unroll them and keep the array in registers. Every lane adds
// up the lanes' sums in the same order.
const LANES: u32 = 8u;
const PIECES: u32 = 2u;

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> squares: array<vec2<f32>, 64>;

fn total(value: vec4<f32>) -> f32 {
  return value.x + value.y + (value.z + value.w);
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
      y[base + c] = (kept[k] - correction) * rstd * weight[c] + bias[c];
    }
  }
  if (valid && lane == 0u) {
    statistics[2u * row] = rough + correction;
    statistics[2u * row + 1u] = rstd;
  }
}
