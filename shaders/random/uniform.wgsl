// Uniform random numbers in [0, 1), 24 bits each. Element i is word i mod 4 of
// philox4x32-10(counter = (i / 4, 0, op, step), key = (seed, 0x554e4946)).
//
// step_key: [2] = seed, step; y: count floats.
// Dispatch: one thread per block of four elements; workgroups spill from x into y.
struct Params { count: u32, op: u32 }

@group(0) @binding(0) var<storage, read> step_key: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// Philox4x32-10 (Salmon et al. 2011): 128 random bits as a pure function of counter and key.
fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let middle = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = (middle & 0xffffu) + a_low * b_high;
  return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round += 1u) {
    let high0 = multiply_high(0xd2511f53u, c.x);
    let low0 = 0xd2511f53u * c.x;
    let high1 = multiply_high(0xcd9e8d57u, c.z);
    let low1 = 0xcd9e8d57u * c.z;
    c = vec4<u32>(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
    k = vec2<u32>(k.x + 0x9e3779b9u, k.y + 0xbb67ae85u);
  }
  return c;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let quad = (group.y * groups.x + group.x) * 64u + lane;
  if (4u * quad >= params.count) {
    return;
  }
  let bits = philox(vec4<u32>(quad, 0u, params.op, step_key[1]), vec2<u32>(step_key[0], 0x554e4946u));
  let values = vec4<f32>(f32(bits.x >> 8u), f32(bits.y >> 8u), f32(bits.z >> 8u), f32(bits.w >> 8u)) * (1.0 / 16777216.0);
  for (var k = 0u; k < min(4u, params.count - 4u * quad); k += 1u) {
    y[4u * quad + k] = values[k];
  }
}
