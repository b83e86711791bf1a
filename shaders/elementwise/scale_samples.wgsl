// A residual branch under stochastic depth (Huang et al. 2016, "Deep networks with stochastic depth"), and its gradient:
//   y[s, i] = x[s, i] + f_s z[s, i]   with f_s = 0 where draws[s] < rate, else 1 / (1 - rate)
// Without ADDS y = f_s z, which turns dL/dy into dL/dz.
//
// x, z, y: [samples, perSample elements]; x is not touched without ADDS; draws: [samples], uniform in [0, 1).
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
// f32, or vec4<f32> where a sample holds a multiple of 4 floats.
alias element = f32;
const ADDS: bool = true;

struct Params { samples: u32, per_sample: u32, rate: f32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> z: array<element>;
@group(0) @binding(2) var<storage, read> draws: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<element>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.samples * params.per_sample) {
      let factor = select(1.0 / (1.0 - params.rate), 0.0, draws[i / params.per_sample] < params.rate);
      var value = factor * z[i];
      if (ADDS) {
        value += x[i];
      }
      y[i] = value;
    }
  }
}
