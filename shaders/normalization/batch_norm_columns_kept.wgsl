// Batch normalisation of few rows in one launch, for GPUs: 16 columns to a workgroup, their rows in its lanes' registers.
//   mean = sum x / N,  variance = sum (x - mean)^2 / N,  rstd = 1 / sqrt(variance + epsilon)
//   y = (x - mean) rstd weight + bias,  with RELU max(y, 0)
// Formula, layouts and rounding as in batch_norm_columns.wgsl, whose threads go through a column alone: a layer of a
// head has hundreds of columns, too few threads for a GPU, and each would wait for memory once for every few of its rows.
//
// x, y: [rows, columns]; weight, bias: [columns]; statistics: [2, columns] = mean, rstd, for the backward pass.
// Dispatch: workgroups of 8 slices of 16 neighbouring columns; slice s keeps the rows s, s + 8, ...: PIECES of them
// (constant loops, registers), all loads on their way at once. x is read once; every thread adds up the slices' sums in
// the same order. Workgroups spill from x into y.
const PIECES: u32 = 4u;
const RELU: bool = false;

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sums: array<f32, 128>;
var<workgroup> squares: array<f32, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let place = local % 16u;
  let slice = local / 16u;
  let column = (group.y * groups.x + group.x) * 16u + place;
  let end = select(0u, params.rows, column < params.columns);
  let share = 1.0 / f32(params.rows);

  var kept: array<f32, PIECES>;
  var own = 0.0;
  for (var k = 0u; k < PIECES; k += 1u) {
    let row = slice + 8u * k;
    if (row < end) {
      kept[k] = x[row * params.columns + column];
      own += kept[k];
    }
  }
  sums[local] = own;
  workgroupBarrier();
  var mean = 0.0;
  for (var s = 0u; s < 8u; s += 1u) {
    mean += sums[16u * s + place];
  }
  mean *= share;

  own = 0.0;
  for (var k = 0u; k < PIECES; k += 1u) {
    if (slice + 8u * k < end) {
      kept[k] -= mean;
      own += kept[k] * kept[k];
    }
  }
  squares[local] = own;
  workgroupBarrier();
  var variance = 0.0;
  for (var s = 0u; s < 8u; s += 1u) {
    variance += squares[16u * s + place];
  }
  let rstd = 1.0 / sqrt(variance * share + params.epsilon);
  if (slice == 0u && end > 0u) {
    statistics[column] = mean;
    statistics[params.columns + column] = rstd;
  }

  let at = min(column, params.columns - 1u);
  let scale = weight[at];
  let shift = bias[at];
  for (var k = 0u; k < PIECES; k += 1u) {
    let row = slice + 8u * k;
    if (row < end) {
      var value = kept[k] * rstd * scale + shift;
      if (RELU) {
        value = max(value, 0.0);
      }
      y[row * params.columns + column] = value;
    }
  }
}
