// All gradients of layer normalisation in one pass, for GPUs: each row in the registers of its lanes. With
// n = (x - mean) rstd and g = dy weight:
//   dx = rstd (g - sum(g) / C - n sum(g n) / C),  dweight = sum over rows of dy n,  dbias = sum over rows of dy
// With ADDS, before + dx: the gradient that x got from its other uses is added on the way.
//
// x, dy, before, dx: [rows, columns] of vec4; before is not touched without ADDS; weight: [columns] of vec4;
// statistics: [rows, 2] = mean, rstd of the forward pass; partial: [workgroups, 2, columns] of vec4, each workgroup's
// share of dweight and dbias, which reduction/column_sum_finish adds up.
//
// x and dy are read once and dx is written once. (layer_norm_backward.wgsl reads them twice, the second time from a
// cache, and affine_gradient_partial.wgsl reads them from memory again.)
//
// Dispatch: LANES neighbouring threads share a row and SLOTS = 64 / LANES rows share a workgroup at a time; `turns`
// times, so that a workgroup's shares are small beside what it reads. Workgroups spill from x into y. Lane l keeps the
// pieces l, l + LANES, ... of every row, PIECES of them (constant loops, registers), and sums of the same columns for
// dweight and dbias. One barrier a turn: the turns write to two places in turn.
const LANES: u32 = 8u;
const PIECES: u32 = 2u;
const SLOTS: u32 = 64u / LANES;
const ADDS: bool = false;

struct Params { rows: u32, columns: u32, turns: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> before: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;
@group(0) @binding(7) var<uniform> params: Params;

// Sums of g and g n of each lane, of an even and of an odd turn.
var<workgroup> row_sums: array<vec2<f32>, 128>;
// One piece of the lanes' sums over rows.
var<workgroup> products: array<vec4<f32>, 64>;
var<workgroup> sums: array<vec4<f32>, 64>;

fn total(value: vec4<f32>) -> f32 {
  return value.x + value.y + (value.z + value.w);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let slot = local / LANES;
  let chunk = group.y * groups.x + group.x;
  let share = 0.25 / f32(params.columns);

  var own_products: array<vec4<f32>, PIECES>;
  var own_sums: array<vec4<f32>, PIECES>;
  for (var turn = 0u; turn < params.turns; turn += 1u) {
    let row = (chunk * params.turns + turn) * SLOTS + slot;
    let valid = row < params.rows;
    let base = select(0u, row * params.columns, valid);
    let end = select(0u, params.columns, valid);
    let mean = statistics[2u * select(0u, row, valid)];
    let rstd = statistics[2u * select(0u, row, valid) + 1u];

    var n: array<vec4<f32>, PIECES>;
    var g: array<vec4<f32>, PIECES>;
    var sum = vec4<f32>();
    var product = vec4<f32>();
    for (var k = 0u; k < PIECES; k += 1u) {
      let c = lane + k * LANES;
      if (c < end) {
        n[k] = (x[base + c] - mean) * rstd;
        let slope = dy[base + c];
        own_products[k] += slope * n[k];
        own_sums[k] += slope;
        g[k] = slope * weight[c];
        sum += g[k];
        product += g[k] * n[k];
      }
    }
    let place = (turn % 2u) * 64u;
    row_sums[place + local] = vec2<f32>(total(sum), total(product));
    workgroupBarrier();
    var both = vec2<f32>();
    for (var k = 0u; k < LANES; k += 1u) {
      both += row_sums[place + slot * LANES + k];
    }
    both *= share;

    for (var k = 0u; k < PIECES; k += 1u) {
      let c = lane + k * LANES;
      if (c < end) {
        var value = rstd * (g[k] - both.x - n[k] * both.y);
        if (ADDS) {
          value += before[base + c];
        }
        dx[base + c] = value;
      }
    }
  }

  // Piece by piece, the first slot adds up the slots.
  for (var k = 0u; k < PIECES; k += 1u) {
    let c = lane + k * LANES;
    products[local] = own_products[k];
    sums[local] = own_sums[k];
    workgroupBarrier();
    if (slot == 0u && c < params.columns) {
      var product = products[lane];
      var sum = sums[lane];
      for (var s = 1u; s < SLOTS; s += 1u) {
        product += products[s * LANES + lane];
        sum += sums[s * LANES + lane];
      }
      partial[2u * chunk * params.columns + c] = product;
      partial[(2u * chunk + 1u) * params.columns + c] = sum;
    }
    workgroupBarrier();
  }
}
