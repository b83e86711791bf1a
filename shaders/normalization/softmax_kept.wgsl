// Softmax over the last dimension, for GPUs: each row in the registers of its lanes.
//   y = exp(x - max) / sum exp(x - max)
// Formula and layouts as in softmax.wgsl, which reads a row twice and passes the exponentials through y.
//
// x, y: [rows, columns].
//
// Dispatch: LANES neighbouring threads share a row and 128 / LANES rows share a workgroup; workgroups spill from x into
// y. Lane l keeps the elements l, l + LANES, ...: PIECES of them, so that x is read once, by neighbours together, with
// all loads of a lane on their way at once. The loops over PIECES are of constant length: compilers unroll them and keep
// the array in registers. Few lanes with several pieces each (windows of 49 tokens: 8 lanes with 7 floats), because the
// lanes' maxima and sums go through workgroup memory: every lane reads LANES of each.
const LANES: u32 = 8u;
const PIECES: u32 = 2u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read_write> y: array<element>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> maxima: array<f32, 128>;
var<workgroup> sums: array<f32, 128>;

// Sum of the floats of an element (of an f32 the constructor makes four copies, of a quarter each).
fn total(value: element) -> f32 {
  return dot(vec4<f32>(value), vec4<f32>(0.25 * WIDTH));
}

fn greatest(value: element) -> f32 {
  let four = vec4<f32>(value);
  return max(max(four.x, four.y), max(four.z, four.w));
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let first = local - lane;
  let row = (group.y * groups.x + group.x) * (128u / LANES) + local / LANES;
  let valid = row < params.rows;
  let base = select(0u, row * params.columns, valid);
  let end = select(0u, params.columns, valid);

  var kept: array<element, PIECES>;
  var own = element(-3.4e38);
  for (var k = 0u; k < PIECES; k += 1u) {
    let c = lane + k * LANES;
    if (c < end) {
      kept[k] = x[base + c];
      own = max(own, kept[k]);
    }
  }
  maxima[local] = greatest(own);
  workgroupBarrier();
  var largest = maxima[first];
  for (var k = 1u; k < LANES; k += 1u) {
    largest = max(largest, maxima[first + k]);
  }

  var own_sum = element();
  for (var k = 0u; k < PIECES; k += 1u) {
    if (lane + k * LANES < end) {
      kept[k] = exp(kept[k] - largest);
      own_sum += kept[k];
    }
  }
  sums[local] = total(own_sum);
  workgroupBarrier();
  var sum = 0.0;
  for (var k = 0u; k < LANES; k += 1u) {
    sum += sums[first + k];
  }
  let factor = 1.0 / sum;
  for (var k = 0u; k < PIECES; k += 1u) {
    let c = lane + k * LANES;
    if (c < end) {
      y[base + c] = kept[k] * factor;
    }
  }
}
