// Batched entropic optimal transport of small problems, second launch: those whose scalings left the range of f32 in
// sinkhorn_thread.wgsl or sinkhorn_lanes.wgsl (used = 0 there), solved in the log domain as in sinkhorn.wgsl, one thread per
// problem. Such problems are few or none, so that this is kept short rather than fast: every other thread ends at once.
//
//   u_i = lambda (log a_i - LSE_j(v_j + K_ij)),   v_j = lambda (log b_j - LSE_i(u_i + K_ij)),   from v = 0
//   plan_ij = exp(u_i + v_j + K_ij)
//
// Potentials and K are sums (hi, lo) with hi a multiple of 1/1024, see logits.wgsl.
//
//   cost, prior, a, b, plan, residual, used as in sinkhorn_thread.wgsl, whose results for such a problem are replaced
//   record as in the first launch (KEEP), but for such a problem its rows are
//     0                  the number of iterations done, negative
//     1 + t M + j        v_j of every second iteration: hi where t - 1 has its place, and lo in the place of t
//     1 + (T + 1) M + e  hi of K_e, and then N M times lo
//
// Dispatch: as sinkhorn_thread.wgsl.

const N: u32 = 12u;
const M: u32 = 12u;
const PROBLEMS: u32 = 32u;
// Problems whose records are interleaved: PROBLEMS after sinkhorn_thread.wgsl, 1 after sinkhorn_lanes.wgsl.
const NEIGHBOURS: u32 = 32u;
const PRIOR: bool = false;
const KEEP: bool = true;

const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  iterations: u32,
  check_every: u32,
  tolerance: f32,
  // 1 - lambda, and eps / rho; both 0 for hard marginals.
  relaxation: f32,
  excess: f32,
  // Entries of the prior.
  period: u32,
  // 1 / eps as a sum: 12 bits, and the rest.
  inverse_high: f32,
  inverse_low: f32,
}

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> prior: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> plan: array<f32>;
@group(0) @binding(5) var<storage, read_write> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> used: array<u32>;
@group(0) @binding(7) var<storage, read_write> record: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<private> logits: array<vec2<f32>, N * M>;
var<private> u: array<vec2<f32>, N>;
var<private> v: array<vec2<f32>, M>;
var<private> problem: u32;
var<private> record_at: u32;

fn keep(row: u32, value: f32) {
  record[record_at + row * NEIGHBOURS] = value;
}

fn grid(x: f32) -> f32 {
  return round(x * 1024.0) * 0.0009765625;
}

// K of an entry as a sum (hi, lo), see logits.wgsl.
fn logit(entry: u32) -> vec2<f32> {
  let at = problem * N * M + entry;
  let c = cost[at];
  let c_high = bitcast<f32>(bitcast<u32>(c) & 0xfffff000u);
  let c_low = c - c_high;
  let product = -c_high * params.inverse_high;
  let rest = -(c_high * params.inverse_low + c_low * params.inverse_high + c_low * params.inverse_low);
  var hi = grid(product + rest);
  var lo = (product - hi) + rest;
  var forbidden = c >= -DEAD;
  if (PRIOR) {
    let weight = prior[at % params.period];
    let log_weight = log(max(weight, 1e-37));
    let log_high = grid(log_weight);
    hi += log_high;
    lo += log_weight - log_high;
    forbidden = forbidden || weight <= 0.0;
  }
  return select(vec2<f32>(hi, lo), vec2<f32>(DEAD, 0.0), forbidden);
}

fn potential(mass: f32, state: vec2<f32>) -> vec2<f32> {
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass <= 0.0 || state.x < DEAD * 0.5) {
    return vec2<f32>(DEAD, 0.0);
  }
  // The maximum is a multiple of 1/1024 already, and what comes besides is small.
  let hard = log(mass) - log(state.y);
  let small = hard - (hard - state.x) * params.relaxation;
  let rounded = grid(small);
  return vec2<f32>(rounded - state.x, small - rounded);
}

// (maximum, sum of exponentials relative to it) of v_j + K_ij over a row.
fn row_state(i: u32) -> vec2<f32> {
  var highest = DEAD;
  for (var j = 0u; j < M; j++) {
    highest = max(highest, v[j].x + logits[i * M + j].x);
  }
  var sum = 0.0;
  for (var j = 0u; j < M; j++) {
    let x = v[j] + logits[i * M + j];
    sum += exp((x.x - highest) + x.y);
  }
  return vec2<f32>(highest, sum);
}

fn column_state(j: u32) -> vec2<f32> {
  var highest = DEAD;
  for (var i = 0u; i < N; i++) {
    highest = max(highest, u[i].x + logits[i * M + j].x);
  }
  var sum = 0.0;
  for (var i = 0u; i < N; i++) {
    let x = u[i] + logits[i * M + j];
    sum += exp((x.x - highest) + x.y);
  }
  return vec2<f32>(highest, sum);
}

// What a row misses; writes the row of the plan.
fn row_residual(i: u32) -> f32 {
  var sum = 0.0;
  for (var j = 0u; j < M; j++) {
    let x = u[i] + v[j] + logits[i * M + j];
    let value = exp(x.x + x.y);
    plan[(problem * N + i) * M + j] = value;
    sum += value;
  }
  let mass = max(a[problem * N + i], 0.0);
  let relaxed = mass * exp(-(u[i].x + u[i].y) * params.excess);
  return abs(select(relaxed, mass, u[i].x <= DEAD * 0.5) - sum);
}

fn solve() {
  for (var at = 0u; at < N * M; at++) {
    logits[at] = logit(at);
  }
  var done = 0u;
  var missed = 0.0;
  for (var t = 1u; t <= params.iterations; t++) {
    done = t;
    for (var i = 0u; i < N; i++) {
      u[i] = potential(a[problem * N + i], row_state(i));
    }
    for (var j = 0u; j < M; j++) {
      v[j] = potential(b[problem * M + j], column_state(j));
      if (KEEP && t % 2u == 0u) {
        keep(1u + (t - 1u) * M + j, v[j].x);
        keep(1u + t * M + j, v[j].y);
      }
    }
    if ((params.tolerance > 0.0 && t % params.check_every == 0u) || t == params.iterations) {
      missed = 0.0;
      for (var i = 0u; i < N; i++) {
        missed += row_residual(i);
      }
      if (missed < params.tolerance) {
        break;
      }
    }
  }
  residual[problem] = missed;
  used[problem] = done;
  if (KEEP) {
    keep(0u, -f32(done));
  }
  let kept_at = 1u + (params.iterations + 1u) * M;
  for (var at = 0u; KEEP && at < N * M; at++) {
    keep(kept_at + at, logits[at].x);
    keep(kept_at + N * M + at, logits[at].y);
  }
}

@compute @workgroup_size(PROBLEMS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = group_id.x + group_id.y * group_counts.x;
  problem = group * PROBLEMS + lane;
  if (problem >= params.problems) {
    return;
  }
  if (used[problem] > 0u) {
    return;
  }
  record_at = (problem - problem % NEIGHBOURS) * (1u + (params.iterations + 1u) * M + 2u * N * M + N + M) + problem % NEIGHBOURS;
  solve();
}
