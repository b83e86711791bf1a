// f32 to f16, to the nearest, ties to even: y = f16(x); x, y: count elements, any shape.
// 65520 and more become infinity, as IEEE 754 says, which `pack2x16float` leaves open (as it does the rounding); an
// overflow has to show, because dynamic loss scaling looks for it.
//
// Dispatch: one thread per PER_THREAD groups of four elements, strided by the workgroup so that neighbours read
// neighbours; workgroups spill from x into y. Buffers are padded to whole groups; what lies behind the last element keeps
// its value. PER_THREAD is 4 on a GPU and larger on software adapters, where starting a workgroup is dear.
const PER_THREAD: u32 = 4u;

// Four f16, two to a word, the first in the low half.
alias half4 = vec2<u32>;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<half4>;
@group(0) @binding(2) var<uniform> params: Params;

// The bits of the nearest f16 numbers.
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
      let bits = half_bits(x[i]);
      let value = half4(bits.x | (bits.y << 16u), bits.z | (bits.w << 16u));
      let left = params.count - 4u * i;
      if (left >= 4u) {
        y[i] = value;
      } else {
        // 1 to 3 elements: whole words first, then half a word.
        let mask = half4(select(0xffffffffu, 0xffffu, left == 1u), select(0u, 0xffffu, left == 3u));
        y[i] = (y[i] & ~mask) | (value & mask);
      }
    }
  }
}
