// f16 to f32, exact: y = f32(x); x, y: count elements, any shape.
//
// Dispatch: one thread per PER_THREAD groups of four elements, strided by the workgroup so that neighbours read
// neighbours; workgroups spill from x into y. Buffers are padded to whole groups; what lies behind the last element keeps
// its value. PER_THREAD is 4 on a GPU and larger on software adapters, where starting a workgroup is dear.
const PER_THREAD: u32 = 4u;

// Four f16, two to a word, the first in the low half.
alias half4 = vec2<u32>;

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<half4>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (4u * i < params.count) {
      let words = x[i];
      let value = vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
      if (4u * i + 4u <= params.count) {
        y[i] = value;
      } else {
        let exists = vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.count - 4u * i);
        y[i] = select(y[i], value, exists);
      }
    }
  }
}
