// Half an iteration of the Sinkhorn rival (bench/composed/sinkhorn.ts): mine_x = mass_x / sum_k A_xk other_k, where x runs over rows and k over
// columns (alpha of beta) or the other way round (beta of alpha).
//
//   matrix, mass, other, mine: [blocks, rows, 32] as in sinkhorn_start.wgsl, four problems a vector, so that no sum crosses lanes;
//   other and mine hold iterations one after the other, of which this one's begin at other_at and mine_at.
//   Entry (x, k) of the matrix is row x MINE_STRIDE + k OTHER_STRIDE.
//
// Dispatch: one thread per output of four problems, 8 neighbours the vectors of a block; workgroups spill from x into y.
const OUTPUTS: u32 = 12u;
const TERMS: u32 = 12u;
const MINE_STRIDE: u32 = 12u;
const OTHER_STRIDE: u32 = 1u;

struct Params { count: u32, mine_at: u32, other_at: u32 }

@group(0) @binding(0) var<storage, read> matrix: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> mass: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> other: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> mine: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.count) {
    return;
  }
  let within = thread % 8u;
  let x = (thread / 8u) % OUTPUTS;
  let section = thread / (8u * OUTPUTS);
  let matrix_at = (section * OUTPUTS * TERMS + x * MINE_STRIDE) * 8u + within;
  let other_at = params.other_at + section * TERMS * 8u + within;
  var sum = vec4<f32>();
  for (var k = 0u; k < TERMS; k += 1u) {
    sum += matrix[matrix_at + k * (OTHER_STRIDE * 8u)] * other[other_at + k * 8u];
  }
  mine[params.mine_at + thread] = mass[thread] / max(sum, vec4<f32>(1e-36));
}
