// First launch of the Sinkhorn rival of one launch per half-iteration (bench/composed/sinkhorn.ts), in scaling form:
// r_i = max_j K_ij with K = -cost / eps,  A_ij = exp(K_ij - r_i),  and beta = 1.
//
//   cost [B, N, M]   a [B, N]   b [B, M]
//   Everything else is [blocks, rows, 32]: blocks of 32 problems, of which neighbours lie beside each other, so that every later launch
//   reads and writes whole lines. Rows are the N * M entries in matrix, N in masses_a, M in masses_b and beta.
//   Problems past the end of the batch have A = 1 and no mass.
//
// Dispatch: one thread per problem and row or column of the matrix, 32 neighbours a block's problems; workgroups spill from x into y.
const N: u32 = 12u;
const M: u32 = 12u;
const LONGER: u32 = max(N, M);

struct Params { problems: u32, blocks: u32, inverse_epsilon: f32 }

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> matrix: array<f32>;
@group(0) @binding(4) var<storage, read_write> masses_a: array<f32>;
@group(0) @binding(5) var<storage, read_write> masses_b: array<f32>;
@group(0) @binding(6) var<storage, read_write> beta: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  let x = (thread / 32u) % LONGER;
  let section = thread / (32u * LONGER);
  let within = thread % 32u;
  let problem = section * 32u + within;
  if (section >= params.blocks) {
    return;
  }
  let real = problem < params.problems;
  if (x < M) {
    let at = (section * M + x) * 32u + within;
    var mass = 0.0;
    if (real) {
      mass = b[problem * M + x];
    }
    masses_b[at] = mass;
    beta[at] = 1.0;
  }
  if (x < N) {
    var mass = 0.0;
    var row: array<f32, M>;
    var least = 0.0;
    if (real) {
      mass = a[problem * N + x];
      least = cost[(problem * N + x) * M];
      for (var j = 0u; j < M; j += 1u) {
        row[j] = cost[(problem * N + x) * M + j];
        least = min(least, row[j]);
      }
    }
    masses_a[(section * N + x) * 32u + within] = mass;
    for (var j = 0u; j < M; j += 1u) {
      matrix[((section * N + x) * M + j) * 32u + within] = exp((least - row[j]) * params.inverse_epsilon);
    }
  }
}
