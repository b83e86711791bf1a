// All gradients of normalization/batch_norm_columns in one launch. With n = (x - mean) rstd and g = dy, or with RELU
// g = dy where n weight + bias > 0 and 0 elsewhere:
//   dweight = sum g n,  dbias = sum g,  dx = weight rstd (g - dbias / N - n dweight / N)
//
// x, dy, dx: [rows, columns]; statistics: [2, columns] = mean, rstd; weight, bias, dweight, dbias: [columns].
// Dispatch: one thread per column (or four), as in the forward pass.
const RELU: bool = false;
alias element = f32;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> statistics: array<element>;
@group(0) @binding(2) var<storage, read> weight: array<element>;
@group(0) @binding(3) var<storage, read> bias: array<element>;
@group(0) @binding(4) var<storage, read> dy: array<element>;
@group(0) @binding(5) var<storage, read_write> dx: array<element>;
@group(0) @binding(6) var<storage, read_write> dweight: array<element>;
@group(0) @binding(7) var<storage, read_write> dbias: array<element>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let column = (group.y * groups.x + group.x) * 64u + lane;
  if (column >= params.columns) {
    return;
  }
  let mean = statistics[column];
  let rstd = statistics[params.columns + column];
  let scale = weight[column];
  let shift = bias[column];
  var product = element();
  var sum = element();
  for (var row = 0u; row < params.rows; row += 1u) {
    let at = row * params.columns + column;
    let n = (x[at] - mean) * rstd;
    var g = dy[at];
    if (RELU) {
      g = select(element(), g, n * scale + shift > element());
    }
    sum += g;
    product += g * n;
  }
  dweight[column] = product;
  dbias[column] = sum;
  let share = 1.0 / f32(params.rows);
  for (var row = 0u; row < params.rows; row += 1u) {
    let at = row * params.columns + column;
    let n = (x[at] - mean) * rstd;
    var g = dy[at];
    if (RELU) {
      g = select(element(), g, n * scale + shift > element());
    }
    dx[at] = scale * rstd * (g - share * (sum + n * product));
  }
}
