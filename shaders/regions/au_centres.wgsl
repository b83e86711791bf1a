// The two centres of each action unit from landmarks (JAA-Net, Shao et al. 2018): a landmark, moved down by an offset
// in units of r = |x22 - x25|, the horizontal distance of the inner eye corners.
//
// landmarks: [faces, 49, 2]; points: [units, 2] landmark numbers; offsets: [units]; centres: [faces, units, 2, 2].
// Dispatch: one thread per (face, unit, side); workgroups spill from x into y.
struct Params { faces: u32, units: u32 }

@group(0) @binding(0) var<storage, read> landmarks: array<f32>;
@group(0) @binding(1) var<storage, read> points: array<u32>;
@group(0) @binding(2) var<storage, read> offsets: array<f32>;
@group(0) @binding(3) var<storage, read_write> centres: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (thread >= params.faces * params.units * 2u) {
    return;
  }
  let pair = thread % (2u * params.units);
  let face = 98u * (thread / (2u * params.units));
  let r = abs(landmarks[face + 44u] - landmarks[face + 50u]);
  let point = face + 2u * points[pair];
  centres[2u * thread] = landmarks[point];
  centres[2u * thread + 1u] = landmarks[point + 1u] + offsets[pair / 2u] * r;
}
