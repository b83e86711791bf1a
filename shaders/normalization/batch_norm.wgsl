// Batch normalisation, given the statistics: y = (x - mean) rstd weight + bias, per column.
//
// x, y: [rows, columns]; statistics: [2, columns] = mean, rstd; weight, bias: [columns].
//
// Dispatch: one thread per (share, column), flat and column fastest (coalesced): share s takes the rows s, s + shares,
// ..., so that what belongs to the column is loaded once and a row costs one load and one store, without a division.
// Workgroups spill from x into y.

// Columns are counted in elements: f32, or vec4<f32> where they are a multiple of 4.
alias element = f32;

struct Params { rows: u32, columns: u32, shares: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> statistics: array<element>;
@group(0) @binding(2) var<storage, read> weight: array<element>;
@group(0) @binding(3) var<storage, read> bias: array<element>;
@group(0) @binding(4) var<storage, read_write> y: array<element>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.shares * params.columns) {
    return;
  }
  let column = thread % params.columns;
  let mean = statistics[column];
  let scale = statistics[params.columns + column] * weight[column];
  let shift = bias[column];
  for (var row = thread / params.columns; row < params.rows; row += params.shares) {
    let at = row * params.columns + column;
    y[at] = (x[at] - mean) * scale + shift;
  }
}
