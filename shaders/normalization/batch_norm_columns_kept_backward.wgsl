// All gradients of normalization/batch_norm_columns_kept in one launch, for GPUs. With n = (x - mean) rstd and g = dy, or with
// RELU g = dy where n weight + bias > 0 and 0 elsewhere:
//   dweight = sum g n,  dbias = sum g,  dx = weight rstd (g - dbias / N - n dweight / N)
//
// x, dy, dx: [rows, columns]; statistics: [2, columns] = mean, rstd; weight, bias, dweight, dbias: [columns].
// Dispatch: 16 columns and 8 slices of rows to a workgroup, rows in registers, as in the forward pass; x and dy are
// read once.
const PIECES: u32 = 4u;
const RELU: bool = false;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(7) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

// Sums of g and g n.
var<workgroup> sums: array<vec2<f32>, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let place = local % 16u;
  let slice = local / 16u;
  let column = (group.y * groups.x + group.x) * 16u + place;
  let end = select(0u, params.rows, column < params.columns);
  let share = 1.0 / f32(params.rows);
  let at = min(column, params.columns - 1u);
  let mean = statistics[at];
  let rstd = statistics[params.columns + at];
  let scale = weight[at];
  let shift = bias[at];

  var n: array<f32, PIECES>;
  var g: array<f32, PIECES>;
  var own = vec2<f32>();
  for (var k = 0u; k < PIECES; k += 1u) {
    let row = slice + 8u * k;
    if (row < end) {
      n[k] = (x[row * params.columns + column] - mean) * rstd;
      g[k] = dy[row * params.columns + column];
      if (RELU) {
        g[k] = select(0.0, g[k], n[k] * scale + shift > 0.0);
      }
      own += vec2<f32>(g[k], g[k] * n[k]);
    }
  }
  sums[local] = own;
  workgroupBarrier();
  var both = vec2<f32>();
  for (var s = 0u; s < 8u; s += 1u) {
    both += sums[16u * s + place];
  }
  if (slice == 0u && end > 0u) {
    dweight[column] = both.y;
    dbias[column] = both.x;
  }
  for (var k = 0u; k < PIECES; k += 1u) {
    let row = slice + 8u * k;
    if (row < end) {
      dx[row * params.columns + column] = scale * rstd * (g[k] - share * (both.x + n[k] * both.y));
    }
  }
}
