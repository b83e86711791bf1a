// Gradient of the binary cross entropy with logits:
//   dlogit = dloss / known ((1 - t) sigmoid(x) - t w sigmoid(-x)), 0 where the label is unknown
//
// logits, targets (labels, or f32 with SOFT; see bce_partial), dlogits: [rows, columns]; weight: [columns];
// normaliser, dloss: [1].
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
alias label = u32;
const SOFT: bool = false;

struct Params { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<label>;
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
      let t = f32(targets[i]);
      var g = 0.0;
      if (SOFT || t <= 1.0) {
        // One exponential that cannot overflow serves both sigmoids.
        let e = exp(-abs(logits[i]));
        let near = 1.0 / (1.0 + e);
        let far = e * near;
        let positive = logits[i] >= 0.0;
        g = factor * ((1.0 - t) * select(far, near, positive) - t * weight[i % params.columns] * select(near, far, positive));
      }
      dlogits[i] = g;
    }
  }
}
