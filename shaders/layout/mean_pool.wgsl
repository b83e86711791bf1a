// Mean over the middle dimension: y[b, c] = sum over t of x[b, t, c] / tokens.
//
// x: [batch, tokens, channels]; y: [batch, channels].
// Dispatch: one thread per element of y (neighbours read neighbours, no barrier); workgroups spill from x into y.

// Channels are counted in elements: f32, or vec4<f32> where they are a multiple of 4.
alias element = f32;

struct Params { batch: u32, tokens: u32, channels: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.batch * params.channels) {
    return;
  }
  var at = (i / params.channels) * params.tokens * params.channels + i % params.channels;
  var sum = element();
  for (var t = 0u; t < params.tokens; t += 1u) {
    sum += x[at];
    at += params.channels;
  }
  y[i] = sum / f32(params.tokens);
}
