// Rows of another length: y[r, c] = x[r, c] for c < given, 0 for the columns that x lacks. Pads and, the other way
// round, crops; each is the gradient of the other.
//
// x [rows, given]; y [rows, wanted].
// Dispatch: one thread per element of y, flat; workgroups spill from x into y.
struct Params { count: u32, given: u32, wanted: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= params.count) {
    return;
  }
  let row = at / params.wanted;
  let column = at % params.wanted;
  var value = 0.0;
  if (column < params.given) {
    value = x[row * params.given + column];
  }
  y[at] = value;
}
