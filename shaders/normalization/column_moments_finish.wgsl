// Second stage of the mean and variance of each column: merges the shares (Chan, Golub and LeVeque 1983):
//   mean = sum n_s mean_s / N,   M2 = sum (M2_s + n_s (mean_s - mean)^2),   variance = M2 / N
//
// partial: [shares, 2, columns] of column_moments_partial; moments: [columns, 2] = mean, variance (of the population).
// Dispatch: one thread per column.
struct Params { rows: u32, columns: u32, shares: u32 }

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// Number of rows of a share: rows are dealt out in turn.
fn rows_of(share: u32) -> f32 {
  return f32((params.rows - share + params.shares - 1u) / params.shares);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let column = thread.x;
  if (column >= params.columns) {
    return;
  }
  var mean = 0.0;
  for (var share = 0u; share < params.shares; share += 1u) {
    mean += rows_of(share) * partial[2u * share * params.columns + column];
  }
  mean /= f32(params.rows);
  var square = 0.0;
  for (var share = 0u; share < params.shares; share += 1u) {
    let offset = partial[2u * share * params.columns + column] - mean;
    square += partial[(2u * share + 1u) * params.columns + column] + rows_of(share) * offset * offset;
  }
  moments[2u * column] = mean;
  moments[2u * column + 1u] = square / f32(params.rows);
}
