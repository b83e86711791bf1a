// Batch normalisation, given the statistics: y = (x - mean) rstd weight + bias, per column.
//
// x, y: [rows, columns]; statistics: [columns, 2] = mean, rstd; weight, bias: [columns].
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;

struct Params { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      let column = i % params.columns;
      y[i] = (x[i] - statistics[2u * column]) * statistics[2u * column + 1u] * weight[column] + bias[column];
    }
  }
}
