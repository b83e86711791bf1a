// First stage of the binary cross entropy with logits over the known labels:
//   loss(x, t) = t w softplus(-x) + (1 - t) softplus(x),   softplus(x) = max(x, 0) + log(1 + exp(-|x|))
//
// logits: [rows, columns]; targets: [rows, columns], labels: 0 absent, 1 present, anything else (9) unknown and left
// out; or, with SOFT, f32 targets, all of them known; weight: [columns], the weight w of a positive;
// partial: [workgroups, 2] = sum of the losses, number of known labels.
//
// Dispatch: up to 256 workgroups in x that stride through the elements together; one barrier, fixed order.
alias label = u32;
const SOFT: bool = false;

struct Params { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<label>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> counts: array<f32, 64>;

// log(1 + e) for e in (0, 1]: where e is small, 1 + e would lose its digits; the series is off by e^6 / 6 at most.
fn log_one_plus(e: f32) -> f32 {
  if (e < 0.03125) {
    return e * (1.0 - e * (0.5 - e * (0.33333333 - e * (0.25 - 0.2 * e))));
  }
  return log(1.0 + e);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  var count = 0.0;
  for (var i = group.x * 64u + lane; i < params.count; i += groups.x * 64u) {
    let t = f32(targets[i]);
    if (SOFT || t <= 1.0) {
      let x = logits[i];
      let tail = log_one_plus(exp(-abs(x)));
      sum += t * weight[i % params.columns] * (max(-x, 0.0) + tail) + (1.0 - t) * (max(x, 0.0) + tail);
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
