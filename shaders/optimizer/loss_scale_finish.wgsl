// Second stage of the norm of gradients that carry a loss scale s, with the dynamics of s (Micikevicius et al. 2018,
// "Mixed precision training"; torch.cuda.amp.GradScaler has the same):
//   norm = sqrt(sum partial) / s,   factor = min(1, limit / (norm + 1e-6)) / s
//   norm finite:  after growth_interval such steps in a row s = min(most, 2 s)
//   otherwise:    factor = 0, which tells adamw, ema and prior_update to leave all as it is; s = max(least, s / 2)
// A skipped step does not count in AdamW's bias correction either: hyper[5] and hyper[6] become 1 - beta^t with
// t = hyper[7] - overflows. The bits of the sum are tested, because WGSL lets a compiler assume that no infinity occurs.
//
// partial: count floats; result: [2] = factor, norm; hyper: [8] of adamw, [7] = number of the step from 1;
// state: [4] = s, steps without overflow since s last changed, overflows so far, and of this step: 0 without overflow,
// 1 with one, 2 with one at the least s, where a smaller s cannot help.
// Dispatch: one workgroup, whose lanes add up partial as in clip_finish.wgsl; the first does the rest.
struct Params { count: u32, limit: f32, growth_interval: u32, least: f32, most: f32 }

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> hyper: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

// 1 - beta^t without cancellation: with c(n) = 1 - beta^n, c(a + b) = c(a) + c(b) (1 - c(a)), over the bits of t.
fn bias_correction(beta: f32, t: u32) -> f32 {
  var correction = 0.0;
  var power = 1.0 - beta;
  for (var left = t; left > 0u; left >>= 1u) {
    if ((left & 1u) == 1u) {
      correction += power * (1.0 - correction);
    }
    power *= 2.0 - power;
  }
  return correction;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var own = 0.0;
  for (var k = lane; k < params.count; k += 64u) {
    own += partial[k];
  }
  sums[lane] = own;
  workgroupBarrier();
  if (lane != 0u) {
    return;
  }
  var total = 0.0;
  for (var k = 0u; k < 64u; k += 1u) {
    total += sums[k];
  }
  let scale = state[0];
  let norm = sqrt(total) / scale;
  var factor = min(1.0, params.limit / (norm + 1e-6)) / scale;
  if ((bitcast<u32>(total) & 0x7f800000u) == 0x7f800000u) {
    factor = 0.0;
    state[0] = max(params.least, 0.5 * scale);
    state[1] = 0.0;
    state[2] += 1.0;
    state[3] = select(1.0, 2.0, scale <= params.least);
  } else {
    let good = state[1] + 1.0;
    let grows = good >= f32(params.growth_interval);
    state[0] = select(scale, min(params.most, 2.0 * scale), grows);
    state[1] = select(good, 0.0, grows);
    state[3] = 0.0;
  }
  result[0] = factor;
  result[1] = norm;
  let applied = u32(max(0.0, hyper[7] - state[2]));
  hyper[5] = bias_correction(hyper[1], applied);
  hyper[6] = bias_correction(hyper[2], applied);
}
