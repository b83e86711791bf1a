// Cuts an image into square patches: y[b, r, c, (dr, dc, channel)] = x[b, r size + dr, c size + dc, channel].
// With INVERSE the copy goes the other way, which is also the gradient.
//
// image: [batch, height, width, channels], height and width multiples of size;
// patches: [batch, height / size, width / size, size * size * channels].
// x is the image and y the patches, or with INVERSE x the patches and y the image.
// Dispatch: one thread per PER_THREAD elements of the output, strided by the workgroup (coalesced writes);
// workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
const INVERSE: bool = false;
// Channels are counted in elements: f32, or vec4<f32> where they are a multiple of 4.
alias element = f32;

struct Params { batch: u32, height: u32, width: u32, channels: u32, size: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.batch * params.height * params.width * params.channels) {
      if (INVERSE) {
        // i runs over the image.
        let channel = i % params.channels;
        let position = i / params.channels;
        let column = position % params.width;
        let row = position / params.width;
        let patch_row = row / params.size;
        let inner = (row % params.size) * params.size + column % params.size;
        let cell = patch_row * (params.width / params.size) + column / params.size;
        y[i] = x[(cell * params.size * params.size + inner) * params.channels + channel];
      } else {
        // i runs over the patches.
        let columns = params.width / params.size;
        let channel = i % params.channels;
        let rest = i / params.channels;
        let inner_column = rest % params.size;
        let inner_row = (rest / params.size) % params.size;
        let cell = rest / (params.size * params.size);
        let row = (cell / columns) * params.size + inner_row;
        let column = (cell % columns) * params.size + inner_column;
        y[i] = x[(row * params.width + column) * params.channels + channel];
      }
    }
  }
}
