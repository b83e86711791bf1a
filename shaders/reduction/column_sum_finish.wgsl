// Second stage of a sum over rows: adds the shares, y[c] = sum over s of partial[s, offset + c]. With PAIR the columns
// behind those of y go to z, so that two sums that come out of one first stage take one launch:
//   z[c] = sum over s of partial[s, offset + columns + c]
//
// partial: [shares, stride]; y: [columns]; z: [second], not touched without PAIR. All counts, and the offset, in elements.
// Dispatch: SLICES threads per column, 64 / SLICES neighbouring columns to a workgroup; workgroups spill from x into y.
// Slice s adds up the shares s, s + SLICES, ..., and the first slice adds up the slices, all in a fixed order. With
// SLICES = 1 there is no barrier left, which suits implementations on a CPU; on a GPU many shares over few columns
// would keep a few threads waiting for memory all along.
const PAIR: bool = false;
const SLICES: u32 = 1u;
// Columns are counted in elements: f32, or vec4<f32> where every count of columns is a multiple of 4.
alias element = f32;

struct Params { columns: u32, second: u32, shares: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> partial: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<storage, read_write> z: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<element, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let width = 64u / SLICES;
  let column = (group.y * groups.x + group.x) * width + lane % width;
  let slice = lane / width;
  let exists = column < params.columns + params.second;
  var sum = element();
  for (var share = slice; share < select(0u, params.shares, exists); share += SLICES) {
    sum += partial[share * params.stride + params.offset + column];
  }
  if (SLICES > 1u) {
    sums[lane] = sum;
    workgroupBarrier();
  }
  if (slice == 0u && exists) {
    for (var s = 1u; s < SLICES; s += 1u) {
      sum += sums[s * width + lane];
    }
    if (PAIR && column >= params.columns) {
      z[column - params.columns] = sum;
    } else {
      y[column] = sum;
    }
  }
}
