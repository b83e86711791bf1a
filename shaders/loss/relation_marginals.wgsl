// Masses of the regions for the transport between the two views of a face (after UniVIP, Li et al. 2022, with a
// floor and equal mass on both sides). Rows belong to o, columns to t:
//   a_n = max(floor, o_n . mean_r t_r),   b_m = max(floor, t_m . mean_r o_r),   each divided by its own sum
//
// o, t: [batch, regions, columns] of unit-norm region features, columns <= 1024, regions <= 64; a, b: [batch, regions].
//
// Dispatch: one workgroup per (image, side): side 0 gives a, side 1 gives b. The lanes first share out the columns of
// the mean (coalesced), then one lane takes each region; two barriers.
struct Params { regions: u32, columns: u32, least: f32 }

@group(0) @binding(0) var<storage, read> o: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read_write> a: array<f32>;
@group(0) @binding(3) var<storage, read_write> b: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> mean: array<f32, 1024>;
var<workgroup> mass: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let image = group.x;
  let own_is_o = group.y == 0u;
  let base = image * params.regions * params.columns;

  for (var c = lane; c < params.columns; c += 64u) {
    var sum = 0.0;
    for (var r = 0u; r < params.regions; r += 1u) {
      let at = base + r * params.columns + c;
      if (own_is_o) {
        sum += t[at];
      } else {
        sum += o[at];
      }
    }
    mean[c] = sum / f32(params.regions);
  }
  workgroupBarrier();

  var product = 0.0;
  if (lane < params.regions) {
    let start = base + lane * params.columns;
    for (var c = 0u; c < params.columns; c += 1u) {
      if (own_is_o) {
        product += o[start + c] * mean[c];
      } else {
        product += t[start + c] * mean[c];
      }
    }
    mass[lane] = max(params.least, product);
  }
  workgroupBarrier();

  if (lane < params.regions) {
    var total = 0.0;
    for (var r = 0u; r < params.regions; r += 1u) {
      total += mass[r];
    }
    let share = mass[lane] / total;
    if (own_is_o) {
      a[image * params.regions + lane] = share;
    } else {
      b[image * params.regions + lane] = share;
    }
  }
}
