// Swin's patch merging gather (microsoft/Swin-Transformer, PatchMerging): each 2 x 2 block of positions becomes one
// position with four times the channels, in the order (row, column) = (0,0), (1,0), (0,1), (1,1). Odd maps are padded
// with zeros at the bottom and right.
//
// x: [batch, height, width, channels]; y: [batch, ceil(height / 2), ceil(width / 2), 4 channels].
// Dispatch: one thread per PER_THREAD elements of the output, strided by the workgroup (coalesced writes);
// workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
// Channels are counted in elements: f32, or vec4<f32> where they are a multiple of 4.
alias element = f32;

struct Params { batch: u32, height: u32, width: u32, channels: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    let rows = (params.height + 1u) / 2u;
    let columns = (params.width + 1u) / 2u;
    if (i < params.batch * rows * columns * 4u * params.channels) {
      let channel = i % params.channels;
      let rest = i / params.channels;
      let quarter = rest % 4u;
      let cell = rest / 4u;
      let column = 2u * (cell % columns) + quarter / 2u;
      let row = 2u * ((cell / columns) % rows) + quarter % 2u;
      let image = cell / (columns * rows);
      var value = element();
      if (row < params.height && column < params.width) {
        value = x[((image * params.height + row) * params.width + column) * params.channels + channel];
      }
      y[i] = value;
    }
  }
}
