// Gradient of l2_normalize: dx = r (dy - y sum(dy y)), exact with the epsilon under the root. With ADDS, before + dx: the
// gradient that x got from its other uses is added on the way.
//
// y, dy, before, dx: [rows, columns]; before is not touched without ADDS; inverse: [rows] = r of the forward pass.
//
// Dispatch: LANES neighbouring threads share a row and 64 / LANES rows share a workgroup; workgroups spill from x
// into y. On a GPU LANES is 8 to 32, so that a row is read in coalesced pieces; each lane keeps a partial sum and
// all lanes add the partial sums in the same order. With LANES = 1 there is no barrier left, which suits
// implementations on a CPU.
const LANES: u32 = 16u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;
const ADDS: bool = false;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> y: array<element>;
@group(0) @binding(1) var<storage, read> inverse: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<element>;
@group(0) @binding(3) var<storage, read> before: array<element>;
@group(0) @binding(4) var<storage, read_write> dx: array<element>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

// Sum of the floats of an element (of an f32 the constructor makes four copies, of a quarter each).
fn total(value: element) -> f32 {
  return dot(vec4<f32>(value), vec4<f32>(0.25 * WIDTH));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let row = (group.y * groups.x + group.x) * (64u / LANES) + local / LANES;
  let valid = row < params.rows;
  let base = select(0u, row * params.columns, valid);
  let end = select(0u, params.columns, valid);
  let first = local - lane;

  var sum = 0.0;
  for (var c = lane; c < end; c += LANES) {
    sum += total(dy[base + c] * y[base + c]);
  }
  if (LANES > 1u) {
    sums[local] = sum;
    workgroupBarrier();
    sum = 0.0;
    for (var k = 0u; k < LANES; k += 1u) {
      sum += sums[first + k];
    }
  }
  let factor = inverse[select(0u, row, valid)];
  for (var c = lane; c < end; c += LANES) {
    var value = factor * (dy[base + c] - y[base + c] * sum);
    if (ADDS) {
      value += before[base + c];
    }
    dx[base + c] = value;
  }
}
