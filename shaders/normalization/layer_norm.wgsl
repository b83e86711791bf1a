// Layer normalisation (Ba, Kiros and Hinton 2016) over the last dimension:
//   mean = sum x / C,  rstd = 1 / sqrt(sum (x - mean)^2 / C + epsilon),  y = (x - mean) rstd weight + bias
//
// x, y: [rows, columns]; weight, bias: [columns]; statistics: [rows, 2] = mean, rstd, kept for the backward pass.
// Two passes over the row (the second from cache): the variance does not cancel. The second also sums x - mean, what
// rounding has left of the mean: small numbers, so that rows far from 0 keep their digits.
//
// Dispatch: LANES neighbouring threads share a row and 64 / LANES rows share a workgroup; workgroups spill from x
// into y. On a GPU LANES is 8 to 32, so that a row is read in coalesced pieces; each lane keeps a partial sum and
// all lanes add the partial sums in the same order. With LANES = 1 there is no barrier left, which suits
// implementations on a CPU.
const LANES: u32 = 16u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> weight: array<element>;
@group(0) @binding(2) var<storage, read> bias: array<element>;
@group(0) @binding(3) var<storage, read_write> y: array<element>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> rests: array<f32, 64>;
var<workgroup> squares: array<f32, 64>;

// Sum of the floats of an element (of an f32 the constructor makes four copies, of a quarter each).
fn total(value: element) -> f32 {
  return dot(vec4<f32>(value), vec4<f32>(0.25 * WIDTH));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let row = (group.y * groups.x + group.x) * (64u / LANES) + local / LANES;
  let valid = row < params.rows;
  let base = select(0u, row * params.columns, valid);
  let end = select(0u, params.columns, valid);
  let first = local - lane;
  let count = f32(params.columns) * WIDTH;

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
    y[base + c] = ((x[base + c] - rough) - correction) * rstd * weight[c] + bias[c];
  }
  if (valid && lane == 0u) {
    statistics[2u * row] = rough + correction;
    statistics[2u * row + 1u] = rstd;
  }
}
