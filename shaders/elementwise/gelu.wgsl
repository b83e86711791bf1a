// Exact GELU (Hendrycks and Gimpel 2016): y = x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2; x, y: count floats, any shape.
// Phi is taken from erfc(|x| / sqrt 2), so that negative x lose no digits to 1 - 1.
//
// Dispatch: one thread per PER_THREAD groups of four elements, strided by the workgroup so that neighbours read
// neighbours; workgroups spill from x into y. Buffers are padded to whole vec4; what lies behind the last element keeps
// its value. PER_THREAD is 4 on a GPU and larger on software adapters, where starting a workgroup is dear.
const PER_THREAD: u32 = 4u;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

// Half of the complementary error function, erfc(z) / 2 for z >= 0, from t = 1 / (1 + 0.3275911 z) and
// e = exp(-z^2), with z = |x| / sqrt 2 and so t = 1 / (1 + 0.2316419 |x|): Abramowitz and Stegun 7.1.26, absolute
// error below 8e-8.
fn half_erfc(t: vec4<f32>, e: vec4<f32>) -> vec4<f32> {
  return 0.5 * t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * e;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (4u * i < params.count) {
      let input = x[i];
      let tail = half_erfc(1.0 / (1.0 + 0.2316419 * abs(input)), exp(-0.5 * input * input));
      let value = input * select(tail, 1.0 - tail, input >= vec4<f32>(0.0));
      if (4u * i + 4u <= params.count) {
        y[i] = value;
      } else {
        let exists = vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.count - 4u * i);
        y[i] = select(y[i], value, exists);
      }
    }
  }
}
