// Second stage of a sum over rows: adds the shares in order, y[c] = sum over s of partial[s, offset + c].
//
// partial: [shares, stride]; y: [columns].
// Dispatch: one thread per column (coalesced, no barrier, fixed order).
struct Params { columns: u32, shares: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let column = thread.x;
  if (column >= params.columns) {
    return;
  }
  var sum = 0.0;
  for (var share = 0u; share < params.shares; share += 1u) {
    sum += partial[share * params.stride + params.offset + column];
  }
  y[column] = sum;
}
