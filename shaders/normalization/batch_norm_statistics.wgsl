// Turns the moments of a batch into what batch normalisation multiplies with, and moves the running moments:
//   statistics = (mean, 1 / sqrt(variance + epsilon))
//   running mean     = (1 - momentum) running mean     + momentum mean
//   running variance = (1 - momentum) running variance + momentum variance N / (N - 1)
// as in Ioffe and Szegedy 2015 and torch.nn.BatchNorm1d. With TRAINING = false the statistics come from the running
// moments, which stay as they are, and moments is not read. Without UPDATE the running moments are not touched.
//
// moments: [columns, 2] = mean, population variance; running: [2, columns], the means and then the variances;
// statistics: [2, columns] = mean, rstd.
// Dispatch: one thread per column.
const TRAINING: bool = true;
const UPDATE: bool = true;

struct Params { rows: u32, columns: u32, momentum: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> moments: array<f32>;
@group(0) @binding(1) var<storage, read_write> running: array<f32>;
@group(0) @binding(2) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let column = thread.x;
  if (column >= params.columns) {
    return;
  }
  var mean = 0.0;
  var variance = 0.0;
  if (TRAINING) {
    mean = moments[2u * column];
    variance = moments[2u * column + 1u];
    if (UPDATE) {
      let count = f32(params.rows);
      let unbiased = variance * count / max(count - 1.0, 1.0);
      running[column] = mix(running[column], mean, params.momentum);
      running[params.columns + column] = mix(running[params.columns + column], unbiased, params.momentum);
    }
  } else {
    mean = running[column];
    variance = running[params.columns + column];
  }
  statistics[column] = mean;
  statistics[params.columns + column] = 1.0 / sqrt(variance + params.epsilon);
}
