// Gradient of mean_pool: dx[b, t, c] = dy[b, c] / tokens. With ADDS, before + dx: the gradient that x got from its other
// uses is added on the way.
//
// dy: [batch, channels]; before, dx: [batch, tokens, channels]; before is not touched without ADDS.
// Dispatch: one thread per PER_THREAD elements of the output, strided by the workgroup (coalesced writes);
// workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
// Channels are counted in elements: f32, or vec4<f32> where they are a multiple of 4.
alias element = f32;
const ADDS: bool = false;

struct Params { batch: u32, tokens: u32, channels: u32 }

@group(0) @binding(0) var<storage, read> dy: array<element>;
@group(0) @binding(1) var<storage, read> before: array<element>;
@group(0) @binding(2) var<storage, read_write> dx: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.batch * params.tokens * params.channels) {
      let image = i / (params.tokens * params.channels);
      var value = dy[image * params.channels + i % params.channels] / f32(params.tokens);
      if (ADDS) {
        value += before[i];
      }
      dx[i] = value;
    }
  }
}
