// Masses of the regions for the transport between the two views of a face, as in relation_marginals.wgsl, for adapters
// where barriers are dear: one thread does all the work of one side of one image.
//   a_n = max(floor, o_n . mean_r t_r),   b_m = max(floor, t_m . mean_r o_r),   each divided by its own sum
//
// o, t: [batch, regions, columns] of unit-norm region features, regions <= 64; a, b: [batch, regions].
// Dispatch: one thread per (image, side), side 0 gives a and side 1 gives b.
struct Params { batch: u32, regions: u32, columns: u32, least: f32 }

@group(0) @binding(0) var<storage, read> o: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read_write> a: array<f32>;
@group(0) @binding(3) var<storage, read_write> b: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<private> product: array<f32, 64>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let image = thread.x / 2u;
  let own_is_o = thread.x % 2u == 0u;
  if (image >= params.batch) {
    return;
  }
  let base = image * params.regions * params.columns;
  for (var r = 0u; r < params.regions; r += 1u) {
    product[r] = 0.0;
  }
  for (var c = 0u; c < params.columns; c += 1u) {
    var mean = 0.0;
    for (var r = 0u; r < params.regions; r += 1u) {
      let at = base + r * params.columns + c;
      if (own_is_o) {
        mean += t[at];
      } else {
        mean += o[at];
      }
    }
    mean /= f32(params.regions);
    for (var r = 0u; r < params.regions; r += 1u) {
      let at = base + r * params.columns + c;
      if (own_is_o) {
        product[r] += o[at] * mean;
      } else {
        product[r] += t[at] * mean;
      }
    }
  }
  var total = 0.0;
  for (var r = 0u; r < params.regions; r += 1u) {
    product[r] = max(params.least, product[r]);
    total += product[r];
  }
  for (var r = 0u; r < params.regions; r += 1u) {
    let share = product[r] / total;
    if (own_is_o) {
      a[image * params.regions + r] = share;
    } else {
      b[image * params.regions + r] = share;
    }
  }
}
