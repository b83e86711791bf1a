// Gradient of the mean contrastive cross entropy:
//   dlogit_ij = dloss scale / rows (exp(s_ij - log_sum_i) - [i = j]),  0 for excluded columns;  s = scale logit
//
// logits, dlogits: [rows, columns], rows = matrices * columns; groups_of: [columns] (not read without EXCLUDE);
// log_sum: [rows]; dloss: [1].
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
const EXCLUDE: bool = false;

struct Params { rows: u32, columns: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> groups_of: array<i32>;
@group(0) @binding(2) var<storage, read> log_sum: array<f32>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  let factor = dloss[0] * params.scale / f32(params.rows);
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.rows * params.columns) {
      let column = i % params.columns;
      let row = i / params.columns;
      let diagonal = row % params.columns;
      var g = exp(logits[i] * params.scale - log_sum[row]);
      if (column == diagonal) {
        g -= 1.0;
      } else if (EXCLUDE) {
        if (groups_of[column] == groups_of[diagonal]) {
          g = 0.0;
        }
      }
      dlogits[i] = factor * g;
    }
  }
}
