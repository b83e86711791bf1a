// First stage of the gradients of a layer normalisation's weight and bias, sums over the rows of
//   dy n  and  dy,   n = (x - mean) rstd
// for one share of the rows: share s takes the rows s, s + shares, s + 2 shares, ...
//
// x, dy: [rows, columns]; statistics: [rows, 2] = mean, rstd; partial: [shares, 2, columns], first the sums of dy n,
// then those of dy; reduction/column_sum_finish adds the shares.
//
// Dispatch: one thread per (share, column), flat and column fastest, so that reads are coalesced and no lane idles
// whatever the number of columns. No barrier; the order of every sum is fixed.
// Columns are counted in elements: f32, or vec4<f32> where every count of columns is a multiple of 4.
alias element = f32;

struct Params { rows: u32, columns: u32, shares: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> dy: array<element>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<element>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.shares * params.columns) {
    return;
  }
  let share = thread / params.columns;
  let column = thread % params.columns;
  var product = element();
  var sum = element();
  for (var row = share; row < params.rows; row += params.shares) {
    let at = row * params.columns + column;
    let g = dy[at];
    product += g * ((x[at] - statistics[2u * row]) * statistics[2u * row + 1u]);
    sum += g;
  }
  partial[2u * share * params.columns + column] = product;
  partial[(2u * share + 1u) * params.columns + column] = sum;
}
