// Entropic transport of large problems: residual of each problem, and whether it has come far enough.
//
//   residual = sum_i miss_i;  a running problem (used = 0) has used `step` iterations once residual < tolerance, or
//   when `step` is the last one
//
//   miss [B, N]   residual, used [B]   lines [B, N + M] as in offsets.wgsl
//   history as in tiled_update.wgsl: after the last step its element 0 becomes (iterations done, number of lines that were
//   out of range at some time), which tells the backward pass how to walk (KEEP; a placeholder otherwise)
//
// Dispatch: one workgroup of LANES invocations per problem; a tree adds the lanes up in a fixed order.

const LANES: u32 = 64u;
const KEEP: bool = true;

struct Params {
  problems: u32,
  n: u32,
  m: u32,
  step: u32,
  iterations: u32,
  tolerance: f32,
}

@group(0) @binding(0) var<storage, read> miss: array<f32>;
@group(0) @binding(1) var<storage, read_write> residual: array<f32>;
@group(0) @binding(2) var<storage, read_write> used: array<u32>;
@group(0) @binding(3) var<storage, read> lines: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> history: array<vec2<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

// (residual, lines out of range)
var<workgroup> sums: array<vec2<f32>, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let problem = group_id.x + group_id.y * group_counts.x;
  let keeps = KEEP && params.step == params.iterations;
  let all = params.n + params.m;
  var sum = vec2<f32>();
  if (problem < params.problems) {
    for (var i = lane; i < params.n; i += LANES) {
      sum.x += miss[problem * params.n + i];
    }
    if (keeps) {
      for (var k = lane; k < all; k += LANES) {
        sum.y += lines[problem * all + k].w;
      }
    }
  }
  sums[lane] = sum;
  for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      sum += sums[lane + stride];
      sums[lane] = sum;
    }
  }
  if (problem < params.problems && lane == 0u) {
    residual[problem] = sum.x;
    if (used[problem] == 0u && (sum.x < params.tolerance || params.step == params.iterations)) {
      used[problem] = params.step;
    }
    if (keeps) {
      history[problem * (params.iterations + 1u) * all] = vec2<f32>(f32(used[problem]), sum.y);
    }
  }
}
