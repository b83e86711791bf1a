// Gradient of softmax over the last dimension, for GPUs, each row in the registers of its lanes: dx = y (dy' - sum(dy' y))
// with dy' = dy - sum(dy y), as in softmax_backward.wgsl, which reads y and dy three times.
//
// y, dy, dx: [rows, columns].
//
// Dispatch, lanes and pieces as in softmax_kept.wgsl; y and dy are read once.
const LANES: u32 = 8u;
const PIECES: u32 = 2u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> y: array<element>;
@group(0) @binding(1) var<storage, read> dy: array<element>;
@group(0) @binding(2) var<storage, read_write> dx: array<element>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<f32, 128>;
var<workgroup> rests: array<f32, 128>;

// Sum of the floats of an element (of an f32 the constructor makes four copies, of a quarter each).
fn total(value: element) -> f32 {
  return dot(vec4<f32>(value), vec4<f32>(0.25 * WIDTH));
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let first = local - lane;
  let row = (group.y * groups.x + group.x) * (128u / LANES) + local / LANES;
  let valid = row < params.rows;
  let base = select(0u, row * params.columns, valid);
  let end = select(0u, params.columns, valid);

  var p: array<element, PIECES>;
  var g: array<element, PIECES>;
  var own = element();
  for (var k = 0u; k < PIECES; k += 1u) {
    let c = lane + k * LANES;
    if (c < end) {
      p[k] = y[base + c];
      g[k] = dy[base + c];
      own += g[k] * p[k];
    }
  }
  sums[local] = total(own);
  workgroupBarrier();
  var sum = 0.0;
  for (var k = 0u; k < LANES; k += 1u) {
    sum += sums[first + k];
  }

  own = element();
  for (var k = 0u; k < PIECES; k += 1u) {
    if (lane + k * LANES < end) {
      g[k] -= sum;
      own += g[k] * p[k];
    }
  }
  rests[local] = total(own);
  workgroupBarrier();
  var rest = 0.0;
  for (var k = 0u; k < LANES; k += 1u) {
    rest += rests[first + k];
  }
  for (var k = 0u; k < PIECES; k += 1u) {
    let c = lane + k * LANES;
    if (c < end) {
      dx[base + c] = p[k] * (g[k] - rest);
    }
  }
}
