// First stage of a sum over rows: partial[s, c] = sum of x[r, c] over the rows r = s, s + shares, s + 2 shares, ...
//
// x: [rows, columns]; partial: [shares, columns].
// Dispatch: one thread per (share, column), flat and column fastest (coalesced, no barrier, fixed order).

// Columns are counted in elements: f32, or vec4<f32> where every count of columns is a multiple of 4.
alias element = f32;

struct Params { rows: u32, columns: u32, shares: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> partial: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.shares * params.columns) {
    return;
  }
  let share = thread / params.columns;
  let column = thread % params.columns;
  var sum = element();
  for (var row = share; row < params.rows; row += params.shares) {
    sum += x[row * params.columns + column];
  }
  partial[thread] = sum;
}
