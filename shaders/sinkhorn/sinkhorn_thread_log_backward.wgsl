// Exact gradient of sinkhorn_thread_log.wgsl: the few problems that were solved in the log domain, walked back there, one
// thread per problem (all others end at once: the launch before had them). Formulas in sinkhorn_backward.wgsl.
// The record has every second v; what lies between is iterated again. As there, with hard marginals the remainder of sum q
// is taken out every 16th step.
//
//   record as in sinkhorn_thread_log.wgsl   a, da [B, N]   b, db [B, M]   dplan, dcost [B, N, M]
//
// Dispatch: as sinkhorn_thread.wgsl.

const N: u32 = 12u;
const M: u32 = 12u;
const PROBLEMS: u32 = 32u;
// Problems whose records are interleaved: PROBLEMS after sinkhorn_thread.wgsl, 1 after sinkhorn_lanes.wgsl.
const NEIGHBOURS: u32 = 32u;
const RELAXED: bool = false;

const DEAD: f32 = -1e30;
const BALANCE_EVERY: u32 = 16u;

struct Params {
  problems: u32,
  iterations: u32,
  inverse_epsilon: f32,
  lambda: f32,
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> record: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> dplan: array<f32>;
@group(0) @binding(4) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(5) var<storage, read_write> da: array<f32>;
@group(0) @binding(6) var<storage, read_write> db: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

// p and q, which are du and dv.
var<private> p: array<f32, N>;
var<private> q: array<f32, M>;
var<private> u: array<vec2<f32>, N>;
var<private> v: array<vec2<f32>, M>;
var<private> row_states: array<vec2<f32>, N>;
var<private> column_states: array<vec2<f32>, M>;
var<private> logits: array<vec2<f32>, N * M>;
var<private> problem: u32;
var<private> record_at: u32;

fn kept(row: u32) -> f32 {
  return record[record_at + row * NEIGHBOURS];
}

fn grid(x: f32) -> f32 {
  return round(x * 1024.0) * 0.0009765625;
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

// States and u of iteration t, and v of the one before: the record has every second v.
fn restore(t: u32) {
  let known = (t - 1u) - (t - 1u) % 2u;
  for (var j = 0u; j < M; j++) {
    v[j] = vec2<f32>();
    if (known > 0u) {
      v[j] = vec2<f32>(kept(1u + (known - 1u) * M + j), kept(1u + known * M + j));
    }
  }
  for (var step = known + 1u; step <= t; step++) {
    for (var i = 0u; i < N; i++) {
      row_states[i] = row_state(i);
      u[i] = potential(a[problem * N + i], row_states[i]);
    }
    for (var j = 0u; j < M; j++) {
      column_states[j] = column_state(j);
    }
    for (var j = 0u; j < M && step < t; j++) {
      v[j] = potential(b[problem * M + j], column_states[j]);
    }
  }
}

// From u and v of the last iteration: dK of the plan goes to dcost, its sums over rows and columns to p and q.
fn start_from_plan() {
  for (var j = 0u; j < M; j++) {
    let last = potential(b[problem * M + j], column_states[j]);
    q[j] = 0.0;
    for (var i = 0u; i < N; i++) {
      let at = problem * N * M + i * M + j;
      let x = u[i] + last + logits[i * M + j];
      let change = exp(x.x + x.y) * dplan[at];
      dcost[at] = change;
      p[i] += change;
      q[j] += change;
    }
  }
}

// Sums of dlog a and dlog b are kept in da and db.
fn walk(done: u32) {
  let matrix_at = problem * N * M;
  let kept_at = 1u + (params.iterations + 1u) * M;
  for (var at = 0u; at < N * M; at++) {
    logits[at] = vec2<f32>(kept(kept_at + at), kept(kept_at + N * M + at));
  }
  for (var i = 0u; i < N; i++) {
    da[problem * N + i] = 0.0;
  }
  var all = 0.0;
  for (var j = 0u; j < M; j++) {
    db[problem * M + j] = 0.0;
    all += max(b[problem * M + j], 0.0);
  }
  for (var t = done; t > 0u; t--) {
    restore(t);
    if (t == done) {
      start_from_plan();
    }
    var remainder = 0.0;
    if (!RELAXED && t < done && (done - t) % BALANCE_EVERY == 0u) {
      for (var j = 0u; j < M; j++) {
        remainder += q[j];
      }
      remainder /= max(all, 1e-37);
    }
    for (var j = 0u; j < M; j++) {
      let mass = b[problem * M + j];
      let state = column_states[j];
      let alive = mass > 0.0 && state.x > DEAD * 0.5;
      let flow = select(0.0, params.lambda * (q[j] - remainder * mass), alive);
      db[problem * M + j] += flow;
      // Nothing comes near the offset of a dead column.
      column_states[j] = vec2<f32>(select(-DEAD, state.x, alive), -flow / select(1.0, state.y, alive));
    }
    for (var i = 0u; i < N; i++) {
      var sum = select(0.0, p[i], t == done);
      for (var j = 0u; j < M; j++) {
        let x = u[i] + logits[i * M + j];
        let change = exp((x.x - column_states[j].x) + x.y) * column_states[j].y;
        sum += change;
        dcost[matrix_at + i * M + j] += change;
      }
      let state = row_states[i];
      let alive = u[i].x > DEAD * 0.5;
      let flow = select(0.0, params.lambda * sum, alive);
      da[problem * N + i] += flow;
      row_states[i] = vec2<f32>(select(-DEAD, state.x, alive), -flow / select(1.0, state.y, alive));
    }
    for (var j = 0u; j < M; j++) {
      var sum = 0.0;
      for (var i = 0u; i < N; i++) {
        let x = v[j] + logits[i * M + j];
        let change = exp((x.x - row_states[i].x) + x.y) * row_states[i].y;
        sum += change;
        dcost[matrix_at + i * M + j] += change;
      }
      q[j] = sum;
    }
  }
  for (var at = 0u; at < N * M; at++) {
    dcost[matrix_at + at] *= -params.inverse_epsilon;
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
  record_at = (problem - problem % NEIGHBOURS) * (1u + (params.iterations + 1u) * M + 2u * N * M + N + M) + problem % NEIGHBOURS;
  let done = kept(0u);
  if (done > 0.0) {
    return;
  }
  walk(u32(-done));
  for (var i = 0u; i < N; i++) {
    let mass = a[problem * N + i];
    da[problem * N + i] = select(0.0, da[problem * N + i] / max(mass, 1e-37), mass > 0.0);
  }
  for (var j = 0u; j < M; j++) {
    let mass = b[problem * M + j];
    db[problem * M + j] = select(0.0, db[problem * M + j] / max(mass, 1e-37), mass > 0.0);
  }
}
