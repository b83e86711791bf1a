// Gradient of sinkhorn_scale.wgsl, half an iteration of the Sinkhorn rival (bench/composed/sinkhorn.ts) walked backwards. With mine = mass / sum:
//
//   total_x = sum_k A_xk other_flow_k  (+ inflow_x, what the plan hands to the last row step: LAST),
//   share_x = total_x / sum_x,  slope_x += share_x  (dL/d mass),  flow_x = -mine_x share_x  (what dL/d sum_x is)
//
//   matrix, mass, mine, inflow, slope: [blocks, rows, 32] as in sinkhorn_start.wgsl, four problems a vector; mine, other_flow and flow hold
//   iterations one after the other, of which this one's begin at mine_at, other_at and flow_at. Strides as in sinkhorn_scale.wgsl.
//   A mass of 0 gets no gradient.
//
// Dispatch: as sinkhorn_scale.wgsl.
const OUTPUTS: u32 = 12u;
const TERMS: u32 = 12u;
const MINE_STRIDE: u32 = 12u;
const OTHER_STRIDE: u32 = 1u;
const LAST: bool = false;

struct Params { count: u32, mine_at: u32, other_at: u32, flow_at: u32 }

@group(0) @binding(0) var<storage, read> matrix: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> mass: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> inflow: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> other_flow: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> slope: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> flow: array<vec4<f32>>;
@group(0) @binding(7) var<uniform> params: Params;

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
  var total = vec4<f32>();
  if (LAST) {
    total = inflow[thread];
  }
  for (var k = 0u; k < TERMS; k += 1u) {
    total += matrix[matrix_at + k * (OTHER_STRIDE * 8u)] * other_flow[other_at + k * 8u];
  }
  let scaling = mine[params.mine_at + thread];
  let masses = mass[thread];
  let share = select(vec4<f32>(), scaling / masses * total, masses > vec4<f32>());
  if (LAST) {
    slope[thread] = share;
  } else {
    slope[thread] += share;
  }
  flow[params.flow_at + thread] = -scaling * share;
}
