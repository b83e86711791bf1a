// AdamW (Loshchilov and Hutter 2019) over a whole arena of parameters, in place. With g = scale[0] gradient:
//   m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2
//   p = p - lr weight_decay p (only elements before decay_end) - lr (m / c1) / (sqrt(v / c2) + epsilon)
// With AVERAGES also the running average of the parameters, average = tau average + (1 - tau) p, which saves reading them
// again. scale[0] = 0 (a gradient that is not finite) leaves parameters, moments and average as they are.
//
// parameters, m, v, gradients, average: count vec4; tau: [1]; average and tau are not touched without AVERAGES; decay_end: first vec4 without weight decay;
// hyper: [8] = lr, beta1, beta2, epsilon, weight decay, c1 = 1 - beta1^t, c2 = 1 - beta2^t, t; scale: [2].
// Dispatch: one thread per PER_THREAD vec4, strided by the workgroup (coalesced); workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
const AVERAGES: bool = false;

struct Params { count: u32, decay_end: u32 }

@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> tau: array<f32>;
@group(0) @binding(7) var<storage, read_write> average: array<vec4<f32>>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let clip = scale[0];
  if (clip == 0.0) {
    return;
  }
  let rate = hyper[0];
  let beta1 = hyper[1];
  let beta2 = hyper[2];
  let epsilon = hyper[3];
  let kept = 1.0 - rate * hyper[4];
  let step_size = rate / hyper[5];
  let inverse_correction = 1.0 / sqrt(hyper[6]);
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      let g = clip * gradients[i];
      let first = beta1 * m[i] + (1.0 - beta1) * g;
      let second = beta2 * v[i] + (1.0 - beta2) * g * g;
      m[i] = first;
      v[i] = second;
      let decay = select(1.0, kept, i < params.decay_end);
      let moved = decay * parameters[i] - step_size * first / (sqrt(second) * inverse_correction + epsilon);
      parameters[i] = moved;
      if (AVERAGES) {
        average[i] = average[i] + (1.0 - tau[0]) * (moved - average[i]);
      }
    }
  }
}
