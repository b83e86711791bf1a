// Exact GELU (Hendrycks and Gimpel 2016): y = x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2; x, y: count floats, any shape.
// Phi is taken from the tail at |x|, so that negative x lose no digits to 1 - 1.
//
// Dispatch: one thread per PER_THREAD groups of four elements, strided by the workgroup so that neighbours read
// neighbours; workgroups spill from x into y. Buffers are padded to whole vec4; what lies behind the last element keeps
// its value. PER_THREAD is 4 on a GPU and larger on software adapters, where starting a workgroup is dear.
const PER_THREAD: u32 = 4u;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

// 1 - Phi(|x|), the normal distribution's tail, from t = 1 / (1 + 0.35 |x|) and e = exp(-x^2 / 2). The polynomial is our
// own fit (test/reference/fit_normal_tail.py), off by 1.2e-7 (1 + x^2) of the value at most, so that GELU keeps its
// digits where it is small.
fn normal_tail(t: vec4<f32>, e: vec4<f32>) -> vec4<f32> {
  return t * (0.13977842 + t * (0.13676241 + t * (0.1439531 + t * (0.0066017848 + t * (0.21437776 + t * (-0.18670027 + t * 0.045226850)))))) * e;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (4u * i < params.count) {
      let input = x[i];
      let tail = normal_tail(1.0 / (1.0 + 0.35 * abs(input)), exp(-0.5 * input * input));
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
