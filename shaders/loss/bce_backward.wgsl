// Gradient of the binary cross entropy with logits:
//   dlogit = dloss / known (sigmoid(x)) where absent, -dloss / known w sigmoid(-x) where present, 0 where unknown
//
// logits, targets, dlogits: [rows, columns]; weight: [columns]; normaliser, dloss: [1].
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;

struct Params { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> normaliser: array<f32>;
@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  let factor = dloss[0] * normaliser[0];
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      let label = targets[i];
      var g = 0.0;
      if (label == 0u) {
        g = factor / (1.0 + exp(-logits[i]));
      } else if (label == 1u) {
        g = -factor * weight[i % params.columns] / (1.0 + exp(logits[i]));
      }
      dlogits[i] = g;
    }
  }
}
