// Gradient of exact GELU: dx = dy (Phi(x) + x phi(x)), phi the normal density; x, dy, dx: count floats, any shape.
// One exponential serves both Phi and phi, as exp(-(x / sqrt 2)^2) = exp(-x^2 / 2).
//
// Dispatch: 1 thread per PER_THREAD elements, strided by the workgroup so that neighbours read neighbours;
// workgroups spill from x into y so that no axis exceeds 65,535.
const PER_THREAD: u32 = 4u;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Half of the complementary error function, erfc(z) / 2 for z >= 0, from t = 1 / (1 + 0.3275911 z) and
// e = exp(-z^2) (with z = |x| / sqrt 2, t = 1 / (1 + 0.2316419 |x|)): Abramowitz and Stegun 7.1.26, absolute error below 8e-8.
fn half_erfc(t: f32, e: f32) -> f32 {
  return 0.5 * t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * e;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      let value = x[i];
      let magnitude = abs(value);
      let e = exp(-0.5 * value * value);
      let tail = half_erfc(1.0 / (1.0 + 0.2316419 * magnitude), e);
      let cumulative = select(tail, 1.0 - tail, value >= 0.0);
      dx[i] = dy[i] * (cumulative + value * 0.3989422804 * e);
    }
  }
}
