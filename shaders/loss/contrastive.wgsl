// Contrastive cross entropy (InfoNCE, van den Oord et al. 2018): row i of each square matrix of logits should pick
// column i. With s = logit / temperature:
//   row_loss = log sum_j exp(s_j) - s_i
// With EXCLUDE the columns j != i of the same group as i (the same person) are left out of the sum.
//
// logits: [rows, columns], rows = matrices * columns; groups_of: [columns] (not read without EXCLUDE);
// row_loss, log_sum: [rows].
//
// Dispatch: LANES neighbouring threads share a row and 64 / LANES rows share a workgroup; workgroups spill from x
// into y. LANES is 16 on a GPU; with LANES = 1 there is no barrier left, which suits implementations on a CPU.
const LANES: u32 = 16u;
const EXCLUDE: bool = false;

struct Params { rows: u32, columns: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> groups_of: array<i32>;
@group(0) @binding(2) var<storage, read_write> row_loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> log_sum: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> maxima: array<f32, 64>;
var<workgroup> sums: array<f32, 64>;

// True when column c is a negative (or the positive) of the row whose own column is diagonal.
fn counts(c: u32, diagonal: u32) -> bool {
  if (EXCLUDE) {
    return c == diagonal || groups_of[c] != groups_of[diagonal];
  }
  return true;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let row = (group.y * groups.x + group.x) * (64u / LANES) + local / LANES;
  let valid = row < params.rows;
  let base = select(0u, row * params.columns, valid);
  let end = select(0u, params.columns, valid);
  let first = local - lane;
  let diagonal = row % params.columns;

  var largest = -3.4e38;
  for (var c = lane; c < end; c += LANES) {
    if (counts(c, diagonal)) {
      largest = max(largest, logits[base + c] * params.scale);
    }
  }
  if (LANES > 1u) {
    maxima[local] = largest;
    workgroupBarrier();
    for (var k = 0u; k < LANES; k += 1u) {
      largest = max(largest, maxima[first + k]);
    }
  }
  var sum = 0.0;
  for (var c = lane; c < end; c += LANES) {
    if (counts(c, diagonal)) {
      sum += exp(logits[base + c] * params.scale - largest);
    }
  }
  if (LANES > 1u) {
    sums[local] = sum;
    workgroupBarrier();
    sum = 0.0;
    for (var k = 0u; k < LANES; k += 1u) {
      sum += sums[first + k];
    }
  }
  if (valid && lane == 0u) {
    let total = largest + log(sum);
    log_sum[row] = total;
    row_loss[row] = total - logits[base + diagonal] * params.scale;
  }
}
