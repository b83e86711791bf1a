// Entropic transport of large problems: one update of all rows, or of all columns, of every problem that still runs.
//
//   u_i = lambda (log a_i - LSE_j(v_j + K_ij)),   or for columns v_j = lambda (log b_j - LSE_i(u_i + K_ij))
//
// With A of matrix.wgsl and scalings alpha_i = exp(u_i + r_i), beta_j = exp(v_j + c_j) the sum is s = A beta, and
// LSE_i = r_i + log s_i: a multiply-add per entry. Where a sum of a line is below 1 / HIGHEST, or what it is taken over adds
// up to more than HIGHEST, entries that underflowed in A might count, and the line's LSE is taken of the logits instead, in
// the same launch: lines in and out of range may stand beside each other.
//
//   logits [B, N, M] of (hi, lo), see logits.wgsl   matrix: A [B, N, M] for rows, its transpose for columns
//   mass: a [B, N], or b [B, M]   used [B]: 0 while a problem runs   lines, scalings [B, N + M] as in offsets.wgsl
//   history [B, iterations + 1, N + M], row t: what potentials were made of, (x, y) with LSE = x + log y: the offset, or where
//   a line was out of range the maximum, and the sum relative to it (KEEP; a placeholder otherwise)
//
// Dispatch: one workgroup of LANES invocations per four lines, which share what is loaded of the other side; neighbours
// read neighbouring entries, and a tree adds the lanes up in a fixed order.

const LANES: u32 = 128u;
const KEEP: bool = true;
const DEAD: f32 = -1e30;
// e^30
const HIGHEST: f32 = 1.0686e13;

struct Params {
  problems: u32,
  // Lines of a problem that are updated, and what they have entries in: lines of the other side.
  lines: u32,
  terms: u32,
  // Where either side begins among the N + M lines of a problem.
  first_line: u32,
  first_term: u32,
  // Distances in logits.
  line_stride: u32,
  term_stride: u32,
  step: u32,
  iterations: u32,
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> matrix: array<f32>;
@group(0) @binding(2) var<storage, read> mass: array<f32>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read_write> lines: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> scalings: array<f32>;
@group(0) @binding(6) var<storage, read_write> history: array<vec2<f32>>;
@group(0) @binding(7) var<uniform> params: Params;

var<workgroup> sums: array<vec4<f32>, LANES>;
var<workgroup> reaches: array<f32, LANES>;
var<workgroup> states: array<vec2<f32>, 4u * LANES>;

// (maximum, sum of exponentials relative to it) of what one lane sees of a line.
fn state_of(logits_at: u32, terms_at: u32, lane: u32) -> vec2<f32> {
  var state = vec2<f32>(DEAD, 0.0);
  for (var t = lane; t < params.terms; t += 4u * LANES) {
    let terms = vec4<u32>(t, t + LANES, t + 2u * LANES, t + 3u * LANES);
    let k = min(terms, vec4<u32>(params.terms - 1u));
    let at = k * params.term_stride + logits_at;
    let x0 = logits[at.x] + lines[terms_at + k.x].xy;
    let x1 = logits[at.y] + lines[terms_at + k.y].xy;
    let x2 = logits[at.z] + lines[terms_at + k.z].xy;
    let x3 = logits[at.w] + lines[terms_at + k.w].xy;
    let x = select(vec4<f32>(DEAD), vec4<f32>(x0.x, x1.x, x2.x, x3.x), terms < vec4<u32>(params.terms));
    let highest = max(state.x, max(max(x.x, x.y), max(x.z, x.w)));
    let e = exp((x - vec4<f32>(highest)) + vec4<f32>(x0.y, x1.y, x2.y, x3.y));
    state = vec2<f32>(highest, state.y * exp(state.x - highest) + ((e.x + e.y) + (e.z + e.w)));
  }
  return state;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tiles = (params.lines + 3u) / 4u;
  let tile = group_id.x + group_id.y * group_counts.x;
  let problem = min(tile / tiles, params.problems - 1u);
  let first = tile % tiles * 4u;
  let runs = tile < params.problems * tiles && used[problem] == 0u;
  let lines_at = problem * (params.lines + params.terms) + params.first_line;
  let terms_at = problem * (params.lines + params.terms) + params.first_term;
  let entries = problem * params.lines * params.terms;
  var sum = vec4<f32>();
  var reach = 0.0;
  if (runs) {
    let at = min(vec4<u32>(first, first + 1u, first + 2u, first + 3u), vec4<u32>(params.lines - 1u)) * params.terms + entries;
    for (var t = lane; t < params.terms; t += LANES) {
      let x = scalings[terms_at + t];
      reach += x;
      sum += vec4<f32>(matrix[at.x + t], matrix[at.y + t], matrix[at.z + t], matrix[at.w + t]) * x;
    }
  }
  sums[lane] = sum;
  reaches[lane] = reach;
  for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      sum += sums[lane + stride];
      sums[lane] = sum;
      reach += reaches[lane + stride];
      reaches[lane] = reach;
    }
  }
  workgroupBarrier();
  let total = sums[0];
  // What is not a number does not fit.
  let near = reaches[0] <= HIGHEST;
  let fits = select(vec4<f32>(), vec4<f32>(1.0), total >= vec4<f32>(1.0 / HIGHEST)) * select(0.0, 1.0, near);
  if (runs && min(min(fits.x, fits.y), min(fits.z, fits.w)) < 1.0) {
    for (var l = 0u; l < 4u; l++) {
      states[l * LANES + lane] = state_of(entries + min(first + l, params.lines - 1u) * params.line_stride, terms_at, lane);
    }
  }
  workgroupBarrier();
  let line = first + lane;
  if (!runs || lane > 3u || line >= params.lines) {
    return;
  }
  let own = lines[lines_at + line];
  let weight = mass[problem * params.lines + line];
  var state = vec2<f32>(own.z, total[lane]);
  var out_of_range = own.w;
  // A line without entries is in no range, and nothing comes of it.
  if (own.z < DEAD * 0.5) {
    state = vec2<f32>(DEAD, 0.0);
  } else if (fits[lane] < 1.0) {
    out_of_range = 1.0;
    state = states[lane * LANES];
    for (var k = 1u; k < LANES; k++) {
      let other = states[lane * LANES + k];
      let highest = max(state.x, other.x);
      state = vec2<f32>(highest, state.y * exp(state.x - highest) + other.y * exp(other.x - highest));
    }
  }
  var potential = vec2<f32>(DEAD, 0.0);
  var scaling = 0.0;
  // Below DEAD / 2 there is no entry that mass could go to.
  if (weight > 0.0 && state.x >= DEAD * 0.5) {
    // What the sum is relative to is a multiple of 1/1024 already, and what comes besides is small.
    let hard = log(weight) - log(state.y);
    let excess = (hard - state.x) * params.relaxation;
    let small = hard - excess;
    let rounded = round(small * 1024.0) * 0.0009765625;
    potential = vec2<f32>(rounded - state.x, small - rounded);
    let shift = (own.z - state.x) - excess;
    // Too large for the range is as good as any: it sends all lines to their logits.
    scaling = min(weight / state.y * select(exp(min(shift, 80.0)), 1.0, shift == 0.0), 1e30);
  }
  lines[lines_at + line] = vec4<f32>(potential, own.z, out_of_range);
  scalings[lines_at + line] = scaling;
  if (KEEP) {
    let at = (problem * (params.iterations + 1u) + params.step) * (params.lines + params.terms) + params.first_line + line;
    history[at] = state;
  }
}
