// Batch normalisation of few rows in one launch: each thread takes a column (or four) through all of its rows.
//   mean = sum x / N,  variance = sum (x - mean)^2 / N,  rstd = 1 / sqrt(variance + epsilon)
//   y = (x - mean) rstd weight + bias,  with RELU max(y, 0)
//
// x, y: [rows, columns]; weight, bias: [columns]; statistics: [2, columns] = mean, rstd, for the backward pass.
// Dispatch: one thread per column, so that neighbours read neighbours; no barrier, fixed order. The rows are read three
// times, the last two from a cache: for the 64 rows of a batch's heads that costs less than three more launches.
const RELU: bool = false;
// Columns are counted in elements: f32, or vec4<f32> where the columns are a multiple of 4.
alias element = f32;

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> weight: array<element>;
@group(0) @binding(2) var<storage, read> bias: array<element>;
@group(0) @binding(3) var<storage, read_write> statistics: array<element>;
@group(0) @binding(4) var<storage, read_write> y: array<element>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let column = (group.y * groups.x + group.x) * 64u + lane;
  if (column >= params.columns) {
    return;
  }
  let share = 1.0 / f32(params.rows);
  var mean = element();
  for (var row = 0u; row < params.rows; row += 1u) {
    mean += x[row * params.columns + column];
  }
  mean *= share;
  var variance = element();
  for (var row = 0u; row < params.rows; row += 1u) {
    let d = x[row * params.columns + column] - mean;
    variance += d * d;
  }
  let rstd = 1.0 / sqrt(variance * share + params.epsilon);
  statistics[column] = mean;
  statistics[params.columns + column] = rstd;
  for (var row = 0u; row < params.rows; row += 1u) {
    let at = row * params.columns + column;
    var value = (x[at] - mean) * rstd * weight[column] + bias[column];
    if (RELU) {
      value = max(value, element());
    }
    y[at] = value;
  }
}
