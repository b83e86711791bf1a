// Second stage of a sum over rows: adds the shares in order, y[c] = sum over s of partial[s, offset + c]. With PAIR the
// columns behind those of y go to z, so that two sums that come out of one first stage take one launch:
//   z[c] = sum over s of partial[s, offset + columns + c]
//
// partial: [shares, stride]; y: [columns]; z: [second], not touched without PAIR.
// Dispatch: one thread per column (coalesced, no barrier, fixed order); workgroups spill from x into y.
const PAIR: bool = false;

struct Params { columns: u32, second: u32, shares: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let column = (group.y * groups.x + group.x) * 64u + lane;
  if (column >= params.columns + params.second) {
    return;
  }
  var sum = 0.0;
  for (var share = 0u; share < params.shares; share += 1u) {
    sum += partial[share * params.stride + params.offset + column];
  }
  if (PAIR && column >= params.columns) {
    z[column - params.columns] = sum;
  } else {
    y[column] = sum;
  }
}
