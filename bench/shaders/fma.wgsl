// The device's multiply-add rate: eight independent chains of a = a * factor + term in registers, `rounds` times.
//
// y: one float per thread, the sum of its chains. With factor = term = 1 a chain that starts at s ends at s + rounds,
// which is exact in f32 below 2^24: y[i] = WIDTH (8 rounds + 28), whatever the thread, and the harness checks it.
// The factor comes from a uniform, so that no compiler can fold the chains.
//
// Operations: 2 * 8 * WIDTH per thread and round. Eight chains cover the latency of the adder; more would spill.
// Dispatch: workgroups of 64 threads. The harness tries single floats and vec4 and takes the faster. The same file,
// with a fixed small number of threads, is the canary.
alias value = vec4<f32>;
// Floats in a value: 1 for f32, 4 for vec4<f32>.
const WIDTH: u32 = 4u;

struct Params { threads: u32, rounds: u32, factor: f32, term: f32 }

@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;

// Sum of the floats of a value (of an f32 the constructor makes four copies, of a quarter each).
fn total(v: value) -> f32 {
  return dot(vec4<f32>(v), vec4<f32>(0.25 * f32(WIDTH)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.threads) {
    return;
  }
  let m = value(params.factor);
  let t = value(params.term);
  var a = value(0.0);
  var b = value(1.0);
  var c = value(2.0);
  var d = value(3.0);
  var e = value(4.0);
  var f = value(5.0);
  var g = value(6.0);
  var h = value(7.0);
  for (var round = 0u; round < params.rounds; round += 1u) {
    a = fma(a, m, t);
    b = fma(b, m, t);
    c = fma(c, m, t);
    d = fma(d, m, t);
    e = fma(e, m, t);
    f = fma(f, m, t);
    g = fma(g, m, t);
    h = fma(h, m, t);
  }
  y[i] = total(a + b + c + d + e + f + g + h);
}
