// Gradient of exact GELU: dx = dy (Phi(x) + x phi(x)), phi the normal density; x, dy, dx: count f16,
// any shape, computed in f32.
// One exponential serves both Phi and phi, as exp(-(x / sqrt 2)^2) = exp(-x^2 / 2).
//
// Dispatch: one thread per PER_THREAD groups of four elements, strided by the workgroup so that neighbours read
// neighbours; workgroups spill from x into y. Buffers are padded to whole vec4; what lies behind the last element keeps
// its value. PER_THREAD is 4 on a GPU and larger on software adapters, where starting a workgroup is dear.
const PER_THREAD: u32 = 4u;

// Four f16, two to a word, the first in the low half.
alias half4 = vec2<u32>;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<half4>;
@group(0) @binding(1) var<storage, read> dy: array<half4>;
@group(0) @binding(2) var<storage, read_write> dx: array<half4>;
@group(0) @binding(3) var<uniform> params: Params;

// 1 - Phi(|x|), the normal distribution's tail, from t = 1 / (1 + 0.35 |x|) and e = exp(-x^2 / 2). The polynomial is our
// own fit (test/reference/fit_normal_tail.py), off by 1.2e-7 (1 + x^2) of the value at most, so that GELU keeps its
// digits where it is small.
fn normal_tail(t: vec4<f32>, e: vec4<f32>) -> vec4<f32> {
  return t * (0.13977842 + t * (0.13676241 + t * (0.1439531 + t * (0.0066017848 + t * (0.21437776 + t * (-0.18670027 + t * 0.045226850)))))) * e;
}

fn widen(words: half4) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

// The bits of the nearest f16 numbers, as in to_half.wgsl.
fn half_bits(value: vec4<f32>) -> vec4<u32> {
  let bits = bitcast<vec4<u32>>(value);
  let magnitude = bits & vec4<u32>(0x7fffffffu);
  let odd = (magnitude >> vec4<u32>(13u)) & vec4<u32>(1u);
  let normal = (magnitude + odd - vec4<u32>(0x37fff001u)) >> vec4<u32>(13u);
  // Below 2^-14: 0.5 + |x| is rounded to 2^-24, the last place of small f16 numbers.
  let small = bitcast<vec4<u32>>(abs(value) + vec4<f32>(0.5)) - vec4<u32>(0x3f000000u);
  let finite = select(normal, small, magnitude < vec4<u32>(0x38800000u));
  let special = select(vec4<u32>(0x7c00u), vec4<u32>(0x7e00u), magnitude > vec4<u32>(0x7f800000u));
  return select(finite, special, magnitude >= vec4<u32>(0x477ff000u)) | ((bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (4u * i < params.count) {
      let input = widen(x[i]);
      let e = exp(-0.5 * input * input);
      let tail = normal_tail(1.0 / (1.0 + 0.35 * abs(input)), e);
      let cumulative = select(tail, 1.0 - tail, input >= vec4<f32>(0.0));
      let value = widen(dy[i]) * (cumulative + 0.3989422804 * input * e);
      let bits = half_bits(value);
      let words = half4(bits.x | (bits.y << 16u), bits.z | (bits.w << 16u));
      let left = params.count - 4u * i;
      if (left >= 4u) {
        dx[i] = words;
      } else {
        let mask = half4(select(0xffffffffu, 0xffffu, left == 1u), select(0u, 0xffffu, left == 3u));
        dx[i] = (dx[i] & ~mask) | (words & mask);
      }
    }
  }
}
