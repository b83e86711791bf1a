// Gradient of large transport problems, of masses, in place:
//
//   y = y / mass, 0 where there is no mass        (da = dlog a / a, db = dlog b / b)
//
//   mass, y [count]
//
// Dispatch: one invocation per element; workgroups spill from x into y.

struct Params {
  count: u32,
}

@group(0) @binding(0) var<storage, read> mass: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let i = id.x + id.y * group_counts.x * 64u;
  if (i >= params.count) {
    return;
  }
  let weight = mass[i];
  y[i] = select(0.0, y[i] / max(weight, 1e-37), weight > 0.0);
}
