// Second stage of the binary cross entropy: the mean over the known labels, 0 if none is known.
//
// partial: [groups, 2] = sum, known; loss: [1]; normaliser: [1] = 1 / max(known, 1), kept for the backward pass.
// Dispatch: a single thread does the work; groups <= 256.
struct Params { groups: u32 }

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> normaliser: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  var known = 0.0;
  for (var k = 0u; k < params.groups; k += 1u) {
    total += partial[2u * k];
    known += partial[2u * k + 1u];
  }
  let inverse = 1.0 / max(known, 1.0);
  loss[0] = total * inverse;
  normaliser[0] = inverse;
}
