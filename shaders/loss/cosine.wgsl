// Cosine between the rows of two matrices: cosine = p . z / (|p| |z|), |v| = sqrt(sum v^2 + epsilon).
//
// p, z: [rows, columns]; cosine: [rows]; inverse: [rows, 2] = 1/|p|, 1/|z|, kept for the backward pass.
//
// Dispatch: LANES neighbouring threads share a row and 64 / LANES rows share a workgroup; workgroups spill from x
// into y. LANES is 16 on a GPU; with LANES = 1 there is no barrier left, which suits implementations on a CPU.
const LANES: u32 = 16u;
// A row is counted in elements of WIDTH floats: f32, or vec4<f32> with WIDTH 4 where the columns are a multiple of 4.
alias element = f32;
const WIDTH: f32 = 1.0;

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> p: array<element>;
@group(0) @binding(1) var<storage, read> z: array<element>;
@group(0) @binding(2) var<storage, read_write> cosine: array<f32>;
@group(0) @binding(3) var<storage, read_write> inverse: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> sums: array<vec3<f32>, 64>;

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

  // p . z, p . p, z . z
  var sum = vec3<f32>(0.0);
  for (var c = lane; c < end; c += LANES) {
    let a = p[base + c];
    let b = z[base + c];
    sum += vec3<f32>(total(a * b), total(a * a), total(b * b));
  }
  if (LANES > 1u) {
    sums[local] = sum;
    workgroupBarrier();
    sum = vec3<f32>(0.0);
    for (var k = 0u; k < LANES; k += 1u) {
      sum += sums[first + k];
    }
  }
  if (valid && lane == 0u) {
    let inverse_p = 1.0 / sqrt(sum.y + params.epsilon);
    let inverse_z = 1.0 / sqrt(sum.z + params.epsilon);
    cosine[row] = sum.x * inverse_p * inverse_z;
    inverse[2u * row] = inverse_p;
    inverse[2u * row + 1u] = inverse_z;
  }
}
