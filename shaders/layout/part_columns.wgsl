// Parts a matrix along its columns, the gradient of join_columns: the columns of x from `offset` on go to y0, y1, ...
//
// x: [rows, stride]; y0 .. y5: [rows, width0] .. [rows, width5]; one of width 0 is not touched.
// Dispatch: one thread per PER_THREAD elements that are parted, strided by the workgroup (coalesced reads); workgroups
// spill from x into y.
const PER_THREAD: u32 = 4u;
// Columns are counted in elements: f32, or vec4<f32> where every count of columns is a multiple of 4.
alias element = f32;

struct Params { rows: u32, stride: u32, offset: u32, width0: u32, width1: u32, width2: u32, width3: u32, width4: u32, width5: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y0: array<element>;
@group(0) @binding(2) var<storage, read_write> y1: array<element>;
@group(0) @binding(3) var<storage, read_write> y2: array<element>;
@group(0) @binding(4) var<storage, read_write> y3: array<element>;
@group(0) @binding(5) var<storage, read_write> y4: array<element>;
@group(0) @binding(6) var<storage, read_write> y5: array<element>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let end1 = params.width0 + params.width1;
  let end2 = end1 + params.width2;
  let end3 = end2 + params.width3;
  let end4 = end3 + params.width4;
  let columns = end4 + params.width5;
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.rows * columns) {
      let row = i / columns;
      let column = i % columns;
      let value = x[row * params.stride + params.offset + column];
      if (column < params.width0) {
        y0[row * params.width0 + column] = value;
      } else if (column < end1) {
        y1[row * params.width1 + column - params.width0] = value;
      } else if (column < end2) {
        y2[row * params.width2 + column - end1] = value;
      } else if (column < end3) {
        y3[row * params.width3 + column - end2] = value;
      } else if (column < end4) {
        y4[row * params.width4 + column - end3] = value;
      } else {
        y5[row * params.width5 + column - end4] = value;
      }
    }
  }
}
