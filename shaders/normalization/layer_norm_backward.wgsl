// Gradient of layer normalisation with respect to its input. With n = (x - mean) rstd and g = dy weight:
//   dx = rstd (g - sum(g) / C - n sum(g n) / C)
// With ADDS, before + dx: the gradient that x got from its other uses is added on the way.
//
// x, dy, before, dx: [rows, columns]; before is not touched without ADDS; weight: [columns]; statistics: [rows, 2] = mean, rstd of the forward pass.
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

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> weight: array<element>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<element>;
@group(0) @binding(4) var<storage, read> before: array<element>;
@group(0) @binding(5) var<storage, read_write> dx: array<element>;
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;
var<workgroup> products: array<f32, 64>;

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
  let count = f32(params.columns) * WIDTH;
  let mean = statistics[2u * select(0u, row, valid)];
  let rstd = statistics[2u * select(0u, row, valid) + 1u];

  var sum = 0.0;
  var product = 0.0;
  for (var c = lane; c < end; c += LANES) {
    let g = dy[base + c] * weight[c];
    sum += total(g);
    product += total(g * (x[base + c] - mean));
  }
  if (LANES > 1u) {
    sums[local] = sum;
    products[local] = product;
    workgroupBarrier();
    sum = 0.0;
    product = 0.0;
    for (var k = 0u; k < LANES; k += 1u) {
      sum += sums[first + k];
      product += products[first + k];
    }
  }
  let shift = sum / count;
  let slope = product * rstd * rstd / count;

  for (var c = lane; c < end; c += LANES) {
    var own = rstd * (dy[base + c] * weight[c] - shift - (x[base + c] - mean) * slope);
    if (ADDS) {
      own += before[base + c];
    }
    dx[base + c] = own;
  }
}
