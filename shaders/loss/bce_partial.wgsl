// First stage of the binary cross entropy with logits over the known labels:
//   loss(x, t) = t w softplus(-x) + (1 - t) softplus(x),   softplus(x) = max(x, 0) + log(1 + exp(-|x|))
//
// logits: [rows, columns]; targets: [rows, columns], 0 absent, 1 present, anything else (9) unknown and left out;
// weight: [columns], the weight w of a positive; partial: [workgroups, 2] = sum of the losses, number of known labels.
//
// Dispatch: up to 256 workgroups in x that stride through the elements together; one barrier, fixed order.
struct Params { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> counts: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  var count = 0.0;
  for (var i = group.x * 64u + lane; i < params.count; i += groups.x * 64u) {
    let label = targets[i];
    if (label <= 1u) {
      let present = label == 1u;
      let x = select(logits[i], -logits[i], present);
      let softplus = max(x, 0.0) + log(1.0 + exp(-abs(x)));
      sum += softplus * select(1.0, weight[i % params.columns], present);
      count += 1.0;
    }
  }
  sums[lane] = sum;
  counts[lane] = count;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    var known = 0.0;
    for (var k = 0u; k < 64u; k += 1u) {
      total += sums[k];
      known += counts[k];
    }
    partial[2u * group.x] = total;
    partial[2u * group.x + 1u] = known;
  }
}
