// Attention maps of action units on a feature map of the augmented view, evaluated in source coordinates: each map
// cell is the mean over SUBSAMPLES x SUBSAMPLES points, each carried through the geometry (output pixel to source
// position), so that crops, flips and rotations carry the map exactly. With (dx, dy) the distance to a centre:
//   L1 (JAA-Net, Shao et al. 2018):  v = max(0, 1 - slope (|dx| + |dy|)) where max(|dx|, |dy|) < reach, else 0
//   Gaussian:                        v = exp(-slope (dx^2 + dy^2))
// and the larger value of the two centres. L1 maps are zero in most cells: a cell whose middle is farther from both
// centres than the box and the cell together reach is not evaluated. A flip does not exchange channels: each unit is a left-right pair.
//
// centres: [table, units, 2, 2] in source pixels; indices: [batch]; geometry: [rows, 8], rows = views batch;
// masks: [rows, units, height, width].
//
// Dispatch: one thread per (row, cell), which walks the units, so that writes of neighbours lie side by side; workgroups
// spill from x into y.
const GAUSSIAN: bool = false;
const SUBSAMPLES: u32 = 2u;

struct Params {
  table: u32, batch: u32, rows: u32, units: u32, height: u32, width: u32, size_out: f32, slope: f32, reach: f32,
}

@group(0) @binding(0) var<storage, read> centres: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> geometry: array<f32>;
@group(0) @binding(3) var<storage, read_write> masks: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

fn value_at(offset: vec2<f32>) -> f32 {
  if (GAUSSIAN) {
    return exp(-params.slope * dot(offset, offset));
  }
  let distance = abs(offset);
  let inside = max(distance.x, distance.y) < params.reach;
  return select(0.0, max(0.0, 1.0 - params.slope * (distance.x + distance.y)), inside);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  let cells = params.height * params.width;
  if (thread >= params.rows * cells) {
    return;
  }
  let cell = thread % cells;
  let row = thread / cells;
  let at = 8u * row;
  let face = min(indices[row % params.batch], params.table - 1u);
  // One subsample to the next, in source pixels.
  let x_step = vec2<f32>(geometry[at], geometry[at + 3u]) * (params.size_out / f32(params.width * SUBSAMPLES));
  let y_step = vec2<f32>(geometry[at + 1u], geometry[at + 4u]) * (params.size_out / f32(params.height * SUBSAMPLES));
  let first = vec2<f32>(geometry[at + 2u], geometry[at + 5u])
    + x_step * (f32(cell % params.width * SUBSAMPLES) + 0.5)
    + y_step * (f32(cell / params.width * SUBSAMPLES) + 0.5);
  let middle = first + (x_step + y_step) * (0.5 * f32(SUBSAMPLES) - 0.5);
  let far = params.reach + (0.5 * f32(SUBSAMPLES)) * max(abs(x_step.x) + abs(y_step.x), abs(x_step.y) + abs(y_step.y));

  for (var unit = 0u; unit < params.units; unit += 1u) {
    let pair = 4u * (face * params.units + unit);
    let one = vec2<f32>(centres[pair], centres[pair + 1u]);
    let other = vec2<f32>(centres[pair + 2u], centres[pair + 3u]);
    var sum = 0.0;
    let to_one = abs(middle - one);
    let to_other = abs(middle - other);
    let near = GAUSSIAN || min(max(to_one.x, to_one.y), max(to_other.x, to_other.y)) < far;
    let points = select(0u, SUBSAMPLES, near);
    for (var v = 0u; v < points; v += 1u) {
      for (var u = 0u; u < points; u += 1u) {
        let position = first + x_step * f32(u) + y_step * f32(v);
        sum += max(value_at(position - one), value_at(position - other));
      }
    }
    masks[(row * params.units + unit) * cells + cell] = sum / f32(SUBSAMPLES * SUBSAMPLES);
  }
}
