// Gradient of the relative position table from the gradient of the bias it was gathered into:
// table[entry, head] = sum of dbias[head, query, key] over the pairs whose offset is the entry's.
//
// dbias: [heads, window^2, window^2]; dtable: [(2 window - 1)^2, heads].
// One thread per table element adds its pairs in a fixed order, so that the same input gives the same bits.
// Dispatch: workgroups of 64 threads over the table's elements; workgroups spill from x into y.
struct Params { window: u32, heads: u32 }

@group(0) @binding(0) var<storage, read> dbias: array<f32>;
@group(0) @binding(1) var<storage, read_write> dtable: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let window = i32(params.window);
  let side = 2u * params.window - 1u;
  if (i >= side * side * params.heads) {
    return;
  }
  let head = i % params.heads;
  let entry = i / params.heads;
  let down = i32(entry / side) - window + 1;
  let right = i32(entry % side) - window + 1;
  let tokens = params.window * params.window;
  var sum = 0.0;
  for (var row = max(down, 0); row < window + min(down, 0); row += 1) {
    for (var column = max(right, 0); column < window + min(right, 0); column += 1) {
      let query = u32(row * window + column);
      let key = u32((row - down) * window + column - right);
      sum += dbias[(head * tokens + query) * tokens + key];
    }
  }
  dtable[i] = sum;
}
