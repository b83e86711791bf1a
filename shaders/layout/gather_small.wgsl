// Puts up to seven small tensors into one, so that one read brings them all: y[64 t + i] = x_t[i], and 0 behind a tensor's
// last element. A copy for each of them would end the compute pass seven times.
//
// x0 .. x6: count0 .. count6 floats, at most 64 each; y: [tensors, 64]. A tensor that is not there is not read.
// Dispatch: one workgroup per tensor, one thread per element.
struct Params { count0: u32, count1: u32, count2: u32, count3: u32, count4: u32, count5: u32, count6: u32 }

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read> x2: array<f32>;
@group(0) @binding(3) var<storage, read> x3: array<f32>;
@group(0) @binding(4) var<storage, read> x4: array<f32>;
@group(0) @binding(5) var<storage, read> x5: array<f32>;
@group(0) @binding(6) var<storage, read> x6: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
  var value = 0.0;
  switch group.x {
    case 0u: { if (i < params.count0) { value = x0[i]; } }
    case 1u: { if (i < params.count1) { value = x1[i]; } }
    case 2u: { if (i < params.count2) { value = x2[i]; } }
    case 3u: { if (i < params.count3) { value = x3[i]; } }
    case 4u: { if (i < params.count4) { value = x4[i]; } }
    case 5u: { if (i < params.count5) { value = x5[i]; } }
    default: { if (i < params.count6) { value = x6[i]; } }
  }
  y[64u * group.x + i] = value;
}
