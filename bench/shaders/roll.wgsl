// Cyclic shift of a map: y[b, r, c] = x[b, (r + down) mod height, (c + right) mod width].
//
// x, y: [batch, height, width, channels]; channels are counted in elements: f32, or vec4<f32> where they are a
// multiple of 4. The gradient is the shift back.
// Dispatch: one thread per PER_THREAD elements of y, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
alias element = f32;

struct Params { count: u32, height: u32, width: u32, channels: u32, down: u32, right: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      let channel = i % params.channels;
      let token = i / params.channels;
      let column = (token % params.width + params.right) % params.width;
      let row = (token / params.width % params.height + params.down) % params.height;
      let image = token / (params.width * params.height);
      y[i] = x[((image * params.height + row) * params.width + column) * params.channels + channel];
    }
  }
}
