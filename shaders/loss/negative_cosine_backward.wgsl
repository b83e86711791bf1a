// Gradient of mean(2 - 2 cosine) with respect to p; z is a constant:
//   dp = dloss (-2 / rows) (z / |z| - cosine p / |p|) / |p|
//
// p, z, dp: [rows, columns]; cosine: [rows]; inverse: [rows, 2] = 1/|p|, 1/|z|; dloss: [1].
// Dispatch: one thread per PER_THREAD elements, strided by the workgroup; workgroups spill from x into y.
const PER_THREAD: u32 = 4u;
// Columns are counted in elements: f32, or vec4<f32> where every count of columns is a multiple of 4.
alias element = f32;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> p: array<element>;
@group(0) @binding(1) var<storage, read> z: array<element>;
@group(0) @binding(2) var<storage, read> cosine: array<f32>;
@group(0) @binding(3) var<storage, read> inverse: array<f32>;
@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dp: array<element>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = (group.y * groups.x + group.x) * 64u * PER_THREAD + lane;
  let factor = -2.0 / f32(params.rows) * dloss[0];
  for (var k = 0u; k < PER_THREAD; k += 1u) {
    let i = start + k * 64u;
    if (i < params.rows * params.columns) {
      let row = i / params.columns;
      let inverse_p = inverse[2u * row];
      dp[i] = factor * inverse_p * (z[i] * inverse[2u * row + 1u] - cosine[row] * p[i] * inverse_p);
    }
  }
}
