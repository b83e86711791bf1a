// Batched entropic optimal transport: all Sinkhorn iterations of a problem in one dispatch, in the log domain.
//
//   scaled potentials u = f / eps, v = g / eps and logits K = -cost / eps (+ log prior); from u = v = 0, rows first:
//   u_i = lambda (log a_i - LSE_j(v_j + K_ij)),   v_j = lambda (log b_j - LSE_i(u_i + K_ij))
//   plan_ij = exp(u_i + v_j + K_ij),   lambda = rho / (rho + eps), or 1 for hard marginals
//
// (Cuturi 2013; Feydy et al. 2019; Chizat et al. 2018 for lambda.) A mass of zero, or a row or column whose every
// entry is forbidden, has the potential DEAD, a very negative number whose sums stay finite: its plan entries are 0.
//
// Logits and potentials are sums (hi, lo) with hi a multiple of 1/1024, see logits.wgsl: sums of hi parts are exact.
//
//   logits [B, N, M] of (hi, lo)   a [B, N]   b [B, M]   plan [B, N, M]   residual [B]   used [B]: iterations done
//   history [B, iterations + 1, N + M]: element 0 of row 0 is (iterations done, 1), row t holds what the row and
//   then the column potentials of iteration t were made of: (maximum, sum of exponentials relative to it) of their LSE
//
// residual = sum_i |target_i - sum_j plan_ij| with target_i = a_i exp(-u_i eps / rho), what the optimum satisfies; for
// hard marginals it is the L1 error of the row marginals (the columns are exact after the v update).
//
// Dispatch: LANES invocations per problem, SLOTS problems per workgroup; an invocation walks over rows (then
// columns) in steps of LANES. A problem that has converged skips its work but still meets every barrier, because
// barriers must be uniform over the workgroup. LSE runs online over four entries at a time: five exponentials
// for four entries, and every logit is loaded once per half step.

const N: u32 = 12u;
const M: u32 = 12u;
const LANES: u32 = 16u;
const SLOTS: u32 = 2u;
// Whether the history is kept for a backward pass; it may be a placeholder otherwise.
const KEEP: bool = true;
// Whether only what the launch before has left with used = 0 is solved.
const LEFT: bool = false;

const INVOCATIONS: u32 = LANES * SLOTS;
const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  iterations: u32,
  check_every: u32,
  tolerance: f32,
  // 1 - lambda, and eps / rho; both 0 for hard marginals.
  relaxation: f32,
  excess: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> plan: array<f32>;
@group(0) @binding(4) var<storage, read_write> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> used: array<u32>;
@group(0) @binding(6) var<storage, read_write> history: array<vec2<f32>>;
@group(0) @binding(7) var<uniform> params: Params;

var<workgroup> u: array<vec2<f32>, SLOTS * N>;
var<workgroup> v: array<vec2<f32>, SLOTS * M>;
var<workgroup> parts: array<f32, INVOCATIONS>;

// (maximum, sum of exponentials relative to it) after four more numbers hi + lo; only hi parts compete for the maximum.
fn extend(state: vec2<f32>, hi: vec4<f32>, lo: vec4<f32>) -> vec2<f32> {
  let highest = max(state.x, max(max(hi.x, hi.y), max(hi.z, hi.w)));
  let e = exp((hi - vec4<f32>(highest)) + lo);
  return vec2<f32>(highest, state.y * exp(state.x - highest) + ((e.x + e.y) + (e.z + e.w)));
}

// Over the entries (j, ..., j + 3) of a row, or (i, ..., i + 3) of a column; DEAD past the end.
fn extend_row(state: vec2<f32>, logits_at: u32, v_at: u32, j: u32) -> vec2<f32> {
  let last = vec4<u32>(M - 1u);
  let columns = vec4<u32>(j, j + 1u, j + 2u, j + 3u);
  let k = min(columns, last);
  let x0 = logits[logits_at + k.x] + v[v_at + k.x];
  let x1 = logits[logits_at + k.y] + v[v_at + k.y];
  let x2 = logits[logits_at + k.z] + v[v_at + k.z];
  let x3 = logits[logits_at + k.w] + v[v_at + k.w];
  return extend(state, select(vec4<f32>(DEAD), vec4<f32>(x0.x, x1.x, x2.x, x3.x), columns <= last), vec4<f32>(x0.y, x1.y, x2.y, x3.y));
}

fn extend_column(state: vec2<f32>, logits_at: u32, u_at: u32, i: u32) -> vec2<f32> {
  let last = vec4<u32>(N - 1u);
  let rows = vec4<u32>(i, i + 1u, i + 2u, i + 3u);
  let k = min(rows, last);
  let x0 = logits[logits_at + k.x * M] + u[u_at + k.x];
  let x1 = logits[logits_at + k.y * M] + u[u_at + k.y];
  let x2 = logits[logits_at + k.z * M] + u[u_at + k.z];
  let x3 = logits[logits_at + k.w * M] + u[u_at + k.w];
  return extend(state, select(vec4<f32>(DEAD), vec4<f32>(x0.x, x1.x, x2.x, x3.x), rows <= last), vec4<f32>(x0.y, x1.y, x2.y, x3.y));
}

fn potential(mass: f32, state: vec2<f32>) -> vec2<f32> {
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass <= 0.0 || state.x < DEAD * 0.5) {
    return vec2<f32>(DEAD, 0.0);
  }
  // The maximum is a multiple of 1/1024 already, and what comes besides is small.
  let hard = log(mass) - log(state.y);
  let small = hard - (hard - state.x) * params.relaxation;
  let rounded = round(small * 1024.0) * 0.0009765625;
  return vec2<f32>(rounded - state.x, small - rounded);
}

fn entry(x: vec2<f32>) -> f32 {
  return exp(x.x + x.y);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let slot = invocation / LANES;
  let lane = invocation % LANES;
  let problem_index = (group_id.x + group_id.y * group_counts.x) * SLOTS + slot;
  let problem = min(problem_index, params.problems - 1u);
  let exists = problem_index < params.problems && (!LEFT || used[problem] == 0u);
  let logits_at = problem * N * M;
  let u_at = slot * N;
  let v_at = slot * M;
  let history_at = problem * (params.iterations + 1u) * (N + M);
  // Each potential is written by one invocation only, so the barriers below order everything.
  for (var j = lane; j < M; j += LANES) {
    v[v_at + j] = vec2<f32>();
  }
  workgroupBarrier();

  var done = !exists;
  var iterations_done = 0u;
  for (var t = 1u; t <= params.iterations; t++) {
    let row_at = history_at + t * (N + M);
    if (!done) {
      iterations_done = t;
      for (var i = lane; i < N; i += LANES) {
        var state = vec2<f32>(DEAD, 0.0);
        for (var j = 0u; j < M; j += 4u) {
          state = extend_row(state, logits_at + i * M, v_at, j);
        }
        u[u_at + i] = potential(a[problem * N + i], state);
        if (KEEP) {
          history[row_at + i] = state;
        }
      }
    }
    workgroupBarrier();
    if (!done) {
      for (var j = lane; j < M; j += LANES) {
        var state = vec2<f32>(DEAD, 0.0);
        for (var i = 0u; i < N; i += 4u) {
          state = extend_column(state, logits_at + j, u_at, i);
        }
        v[v_at + j] = potential(b[problem * M + j], state);
        if (KEEP) {
          history[row_at + N + j] = state;
        }
      }
    }
    workgroupBarrier();

    if ((params.tolerance > 0.0 && t % params.check_every == 0u) || t == params.iterations) {
      var part = 0.0;
      if (!done || (exists && t == params.iterations)) {
        for (var i = lane; i < N; i += LANES) {
          let potential_i = u[u_at + i];
          var sum = 0.0;
          for (var j = 0u; j < M; j++) {
            sum += entry(potential_i + v[v_at + j] + logits[logits_at + i * M + j]);
          }
          let mass = max(a[problem * N + i], 0.0);
          // A row that cannot send its mass anywhere misses all of it.
          let relaxed = mass * exp(-(potential_i.x + potential_i.y) * params.excess);
          let target_mass = select(relaxed, mass, potential_i.x <= DEAD * 0.5);
          part += abs(target_mass - sum);
        }
      }
      parts[invocation] = part;
      workgroupBarrier();
      var total = 0.0;
      for (var k = 0u; k < LANES; k++) {
        total += parts[slot * LANES + k];
      }
      if (t == params.iterations) {
        if (exists && lane == 0u) {
          residual[problem] = total;
          used[problem] = iterations_done;
          if (KEEP) {
            history[history_at] = vec2<f32>(f32(iterations_done), 1.0);
          }
        }
      } else {
        done = done || total < params.tolerance;
      }
      // No barrier needed: the next half steps have two before parts are written again.
    }
  }

  if (exists) {
    for (var index = lane; index < N * M; index += LANES) {
      let i = index / M;
      let j = index % M;
      plan[logits_at + index] = entry(u[u_at + i] + v[v_at + j] + logits[logits_at + index]);
    }
  }
}
