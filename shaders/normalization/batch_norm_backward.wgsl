// Gradient of batch normalisation with respect to its input, n = (x - mean) rstd:
//   TRAINING:  dx = weight rstd (dy - dbias / N - n dweight / N)
//   otherwise: dx = weight rstd dy      (running statistics are constants)
//
// x, dy, dx: [rows, columns]; statistics: [2, columns] = mean, rstd; weight: [columns];
// dweight, dbias: [columns], the sums of dy n and dy that are also the gradients of weight and bias.
// Dispatch: one thread per (share, column), as in batch_norm.wgsl.
const TRAINING: bool = true;
// Columns are counted in elements: f32, or vec4<f32> where they are a multiple of 4.
alias element = f32;

struct Params { rows: u32, columns: u32, shares: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> statistics: array<element>;
@group(0) @binding(2) var<storage, read> weight: array<element>;
@group(0) @binding(3) var<storage, read> dweight: array<element>;
@group(0) @binding(4) var<storage, read> dbias: array<element>;
@group(0) @binding(5) var<storage, read> dy: array<element>;
@group(0) @binding(6) var<storage, read_write> dx: array<element>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.shares * params.columns) {
    return;
  }
  let column = thread % params.columns;
  let share = 1.0 / f32(params.rows);
  let mean = statistics[column];
  let rstd = statistics[params.columns + column];
  let scale = weight[column] * rstd;
  let shift = share * dbias[column];
  let slope = share * dweight[column] * rstd;
  for (var row = thread / params.columns; row < params.rows; row += params.shares) {
    let at = row * params.columns + column;
    var g = dy[at];
    if (TRAINING) {
      g -= shift + (x[at] - mean) * slope;
    }
    dx[at] = scale * g;
  }
}
