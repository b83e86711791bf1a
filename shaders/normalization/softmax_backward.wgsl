// Gradient of softmax over the last dimension: dx = y (dy - sum(dy y)).
//
// Computed as y (dy' - sum(dy' y)) with dy' = dy - sum(dy y), the same number because y sums to 1: where one entry is all
// but certain, dy and the sum nearly cancel, and the second sum is made of what is left.
//
// y, dy, dx: [rows, columns].
//
// Dispatch: LANES neighbouring threads share a row and 64 / LANES rows share a workgroup; workgroups spill from x
// into y. On a GPU LANES is 8 to 32, so that a row is read in coalesced pieces; each lane keeps a partial sum and
// all lanes add the partial sums in the same order. With LANES = 1 there is no barrier left, which suits
// implementations on a CPU.
const LANES: u32 = 16u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> y: array<element>;
@group(0) @binding(1) var<storage, read> dy: array<element>;
@group(0) @binding(2) var<storage, read_write> dx: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> rests: array<f32, 64>;

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

  var rest = 0.0;
  for (var c = lane; c < end; c += LANES) {
    rest += total((dy[base + c] - sum) * y[base + c]);
  }
  if (LANES > 1u) {
    rests[local] = rest;
    workgroupBarrier();
    rest = 0.0;
    for (var k = 0u; k < LANES; k += 1u) {
      rest += rests[first + k];
    }
  }
  for (var c = lane; c < end; c += LANES) {
    dx[base + c] = y[base + c] * ((dy[base + c] - sum) - rest);
  }
}
