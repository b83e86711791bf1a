// Entropic transport, before the iterations: an offset of every row, then of every column, which keeps
// the matrix of matrix.wgsl between 0 and 1 with a 1 in every row and column.
//
//   r_i = max_j K_ij,   c_j = max_i (K_ij - r_i)   of the hi parts of K, so that both are multiples of 1/1024 (logits.wgsl)
//
//   logits [B, N, M] of (hi, lo)
//   lines [B, N + M], rows first: (potential hi, potential lo, offset, 1 once the line was out of range). Potentials are 0
//   at first. A row or column whose every entry is forbidden has the offset DEAD
//   scalings [B, N + M]: exp(potential + offset), here exp(c_j); those of rows are set by the first update
//   history as in tiled_update.wgsl; its row 0 gets the first scalings of columns (KEEP; a placeholder otherwise)
//
// Dispatch: one workgroup of LANES invocations per row, then one per column; a tree finds the maximum.

const LANES: u32 = 64u;
const KEEP: bool = true;
const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  // Lines of a problem on this side, and what they have entries in: lines of the other.
  lines: u32,
  terms: u32,
  // Where either side begins among the N + M lines of a problem.
  first_line: u32,
  first_term: u32,
  // Distances in logits.
  line_stride: u32,
  term_stride: u32,
  iterations: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read_write> lines: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> scalings: array<f32>;
@group(0) @binding(3) var<storage, read_write> history: array<vec2<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> parts: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = group_id.x + group_id.y * group_counts.x;
  let problem = min(group / params.lines, params.problems - 1u);
  let line = group % params.lines;
  let exists = group < params.problems * params.lines;
  let all = params.lines + params.terms;
  var highest = DEAD;
  if (exists) {
    for (var t = lane; t < params.terms; t += LANES) {
      let hi = logits[problem * params.lines * params.terms + line * params.line_stride + t * params.term_stride].x;
      // Rows come first: what columns have as offsets then is 0.
      let other = lines[problem * all + params.first_term + t].z;
      highest = max(highest, select(hi - other, DEAD, hi < DEAD * 0.5));
    }
  }
  parts[lane] = highest;
  for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      highest = max(highest, parts[lane + stride]);
      parts[lane] = highest;
    }
  }
  if (exists && lane == 0u) {
    let at = problem * all + params.first_line + line;
    lines[at].z = highest;
    let scaling = select(exp(highest), 0.0, highest < -87.0);
    scalings[at] = scaling;
    if (KEEP && params.first_line > 0u) {
      history[problem * (params.iterations + 1u) * all + params.first_line + line] = vec2<f32>(0.0, scaling);
    }
  }
}
