// Scores of window attention before the softmax: y = scale * scores + bias + mask.
//
// scores, y: [images * windows, heads, tokens, tokens]; bias: [heads, tokens, tokens]; mask: [windows, tokens, tokens],
// looked at only with MASKED.
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
const MASKED: bool = true;

struct Params { count: u32, windows: u32, heads: u32, square: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> scores: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.count) {
      let place = i % params.square;
      let head = i / params.square % params.heads;
      var score = params.scale * scores[i] + bias[head * params.square + place];
      if (MASKED) {
        let window = i / (params.square * params.heads) % params.windows;
        score += mask[window * params.square + place];
      }
      y[i] = score;
    }
  }
}
