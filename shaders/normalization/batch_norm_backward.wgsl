// Gradient of batch normalisation with respect to its input, n = (x - mean) rstd:
//   TRAINING:  dx = weight rstd (dy - dbias / N - n dweight / N)
//   otherwise: dx = weight rstd dy      (running statistics are constants)
//
// x, dy, dx: [rows, columns]; statistics: [columns, 2] = mean, rstd; weight: [columns];
// dweight, dbias: [columns], the sums of dy n and dy that are also the gradients of weight and bias.
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
const TRAINING: bool = true;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> dweight: array<f32>;
@group(0) @binding(4) var<storage, read> dbias: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  let share = 1.0 / f32(params.rows);
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.rows * params.columns) {
      let column = i % params.columns;
      let rstd = statistics[2u * column + 1u];
      var g = dy[i];
      if (TRAINING) {
        let n = (x[i] - statistics[2u * column]) * rstd;
        g -= share * (dbias[column] + n * dweight[column]);
      }
      dx[i] = weight[column] * rstd * g;
    }
  }
}
