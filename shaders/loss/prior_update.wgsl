// Moves the relation prior towards the symmetrised mean plan of a batch, in place:
//   m_ij = sum over images of (P_ij + P_ji) / 2,   m /= sum m,   prior' = max(least, decay prior + (1 - decay) m)
// and prior' is divided by its sum, so that no pair dies and the prior keeps mass 1. A batch whose plans hold no mass
// leaves the prior as it is, and so does, with GATED, a gate of 0 (a step whose gradient is not finite).
//
// prior: [regions, regions]; plan: [batch, regions, regions]; regions <= 32; gate: [1] or more, its first is read.
// Dispatch: one workgroup; the lanes share out the pairs, and add up the masses in the same fixed order.
const GATED: bool = false;

struct Params { batch: u32, regions: u32, decay: f32, least: f32 }

@group(0) @binding(0) var<storage, read> plan: array<f32>;
@group(0) @binding(1) var<storage, read_write> prior: array<f32>;
@group(0) @binding(2) var<storage, read> gate: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> mean: array<f32, 1024>;
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  let pairs = params.regions * params.regions;
  var mass = 0.0;
  for (var pair = lane; pair < pairs; pair += 64u) {
    let mirrored = (pair % params.regions) * params.regions + pair / params.regions;
    var sum = 0.0;
    for (var image = 0u; image < params.batch; image += 1u) {
      sum += plan[image * pairs + pair] + plan[image * pairs + mirrored];
    }
    mean[pair] = sum;
    mass += sum;
  }
  sums[lane] = mass;
  workgroupBarrier();
  var total = 0.0;
  for (var k = 0u; k < 64u; k += 1u) {
    total += sums[k];
  }
  workgroupBarrier();

  mass = 0.0;
  for (var pair = lane; pair < pairs; pair += 64u) {
    var value = prior[pair];
    if (total > 0.0) {
      value = params.decay * value + (1.0 - params.decay) * mean[pair] / total;
    }
    value = max(params.least, value);
    mean[pair] = value;
    mass += value;
  }
  sums[lane] = mass;
  workgroupBarrier();
  total = 0.0;
  for (var k = 0u; k < 64u; k += 1u) {
    total += sums[k];
  }
  // Not an early return above: barriers stand in between.
  if (GATED && gate[0] == 0.0) {
    return;
  }
  for (var pair = lane; pair < pairs; pair += 64u) {
    prior[pair] = mean[pair] / total;
  }
}
