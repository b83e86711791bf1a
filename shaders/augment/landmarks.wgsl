// Landmarks carried through the augmentation: the source position of a point mapped into the output by the inverse of
// the geometry's affine map. In a flipped view every point takes the place of its mirror partner.
//
// landmarks: [table, points, 2] in source pixels; indices: [batch]; geometry: [rows, 8], rows = views batch;
// permutation: [points]; y: [rows, points, 2] in output pixels.
// Dispatch: one thread per (row, point); workgroups spill from x into y.
struct Params { table: u32, batch: u32, rows: u32, points: u32 }

@group(0) @binding(0) var<storage, read> landmarks: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> geometry: array<f32>;
@group(0) @binding(3) var<storage, read> permutation: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.rows * params.points) {
    return;
  }
  let point = thread % params.points;
  let row = thread / params.points;
  let at = 8u * row;
  let source = select(point, permutation[point], geometry[at + 6u] > 0.5);
  let face = min(indices[row % params.batch], params.table - 1u);
  let from_x = landmarks[2u * (face * params.points + source)] - geometry[at + 2u];
  let from_y = landmarks[2u * (face * params.points + source) + 1u] - geometry[at + 5u];
  let a = geometry[at];
  let b = geometry[at + 1u];
  let d = geometry[at + 3u];
  let e = geometry[at + 4u];
  let inverse = 1.0 / (a * e - b * d);
  y[2u * thread] = inverse * (e * from_x - b * from_y);
  y[2u * thread + 1u] = inverse * (a * from_y - d * from_x);
}
