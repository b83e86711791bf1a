// Takes rows of a table: y[i, c] = x[indices[i], c]. An index beyond the table reads its last row.
//
// x: [table, columns]; indices: [rows]; y: [rows, columns].
// Dispatch: one thread per PER_THREAD elements of the output, strided by the workgroup (coalesced writes);
// workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
// Columns are counted in elements: f32, or vec4<f32> where every count of columns is a multiple of 4.
alias element = f32;

struct Params { table: u32, rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.rows * params.columns) {
      let row = min(indices[i / params.columns], params.table - 1u);
      y[i] = x[row * params.columns + i % params.columns];
    }
  }
}
