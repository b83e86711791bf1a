// Batched entropic optimal transport: all Sinkhorn iterations of a problem in one dispatch, in the log domain.
//
//   scaled potentials u = f / eps, v = g / eps and logits K = -cost / eps; from u = v = 0, rows first:
//   u_i = lambda (log a_i - LSE_j(v_j + K_ij)),   v_j = lambda (log b_j - LSE_i(u_i + K_ij))
//   plan_ij = exp(u_i + v_j + K_ij),   lambda = rho / (rho + eps), or 1 for hard marginals
//
// (Cuturi 2013; Feydy et al. 2019; Chizat et al. 2018 for lambda.) A mass of zero, or a row or column whose every
// entry is forbidden, has the potential DEAD, a very negative number whose sums stay finite: its plan entries are 0.
//
//   cost [B, N, M]   a [B, N]   b [B, M]   plan [B, N, M]   residual [B]   used [B]: iterations done
//   history [B, iterations + 1, 2 (N + M)]: element 0 of row 0 is the number of iterations done, row t is (u, v) after
//   t and, for each, its slip: how far log mass - u / lambda, rounded, is above the LSE. The backward pass needs LSEs
//   to better than the last bit of a potential of size cost / eps: an error would add up over thousands of steps.
//
// residual = sum_i |target_i - sum_j plan_ij| with target_i = a_i exp(-u_i (1 / lambda - 1)), what the optimum
// satisfies; for hard marginals it is the L1 error of the row marginals (the columns are exact after the v update).
//
// Dispatch: LANES invocations per problem, SLOTS problems per workgroup; an invocation walks over rows (then
// columns) in steps of LANES. A problem that has converged skips its work but still meets every barrier, because
// barriers must be uniform over the workgroup. LSE runs online over four entries at a time: five exponentials
// for four entries, and every cost is loaded once per half step.

const N: u32 = 12u;
const M: u32 = 12u;
const LANES: u32 = 16u;
const SLOTS: u32 = 2u;
// Whether the history is kept for a backward pass; it may be a placeholder otherwise.
const KEEP: bool = true;

const INVOCATIONS: u32 = LANES * SLOTS;
const DEAD: f32 = -1e30;
const ROW: u32 = 2u * (N + M);

struct Params {
  problems: u32,
  iterations: u32,
  check_every: u32,
  tolerance: f32,
  inverse_epsilon: f32,
  lambda: f32,
}

@group(0) @binding(0) var<storage, read> cost: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> plan: array<f32>;
@group(0) @binding(4) var<storage, read_write> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> used: array<u32>;
@group(0) @binding(6) var<storage, read_write> history: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

var<workgroup> u: array<f32, SLOTS * N>;
var<workgroup> v: array<f32, SLOTS * M>;
var<workgroup> parts: array<f32, INVOCATIONS>;

// Four of the numbers potential_k - cost_k / eps that an LSE runs over, DEAD past the end.
fn row_logits(cost_at: u32, v_at: u32, j: u32) -> vec4<f32> {
  let last = vec4<u32>(M - 1u);
  let k = min(vec4<u32>(j, j + 1u, j + 2u, j + 3u), last);
  let c = vec4<f32>(cost[cost_at + k.x], cost[cost_at + k.y], cost[cost_at + k.z], cost[cost_at + k.w]);
  let g = vec4<f32>(v[v_at + k.x], v[v_at + k.y], v[v_at + k.z], v[v_at + k.w]);
  return select(vec4<f32>(DEAD), g - c * params.inverse_epsilon, vec4<u32>(j, j + 1u, j + 2u, j + 3u) <= last);
}

fn column_logits(cost_at: u32, u_at: u32, i: u32) -> vec4<f32> {
  let last = vec4<u32>(N - 1u);
  let k = min(vec4<u32>(i, i + 1u, i + 2u, i + 3u), last);
  let c = vec4<f32>(cost[cost_at + k.x * M], cost[cost_at + k.y * M], cost[cost_at + k.z * M], cost[cost_at + k.w * M]);
  let f = vec4<f32>(u[u_at + k.x], u[u_at + k.y], u[u_at + k.z], u[u_at + k.w]);
  return select(vec4<f32>(DEAD), f - c * params.inverse_epsilon, vec4<u32>(i, i + 1u, i + 2u, i + 3u) <= last);
}

// (maximum, sum of exponentials relative to it) after four more numbers.
fn extend(state: vec2<f32>, x: vec4<f32>) -> vec2<f32> {
  let highest = max(state.x, max(max(x.x, x.y), max(x.z, x.w)));
  let e = exp(x - vec4<f32>(highest));
  return vec2<f32>(highest, state.y * exp(state.x - highest) + ((e.x + e.y) + (e.z + e.w)));
}

// A potential and its slip.
fn potential(mass: f32, state: vec2<f32>) -> vec2<f32> {
  // Below DEAD / 2 there is no entry that mass could go to.
  if (mass <= 0.0 || state.x < DEAD * 0.5) {
    return vec2<f32>(DEAD, 0.0);
  }
  let log_sum = log(state.y);
  let value = params.lambda * (log(mass) - (state.x + log_sum));
  return vec2<f32>(value, (log(mass) - value / params.lambda - state.x) - log_sum);
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
  let exists = problem_index < params.problems;
  let problem = min(problem_index, params.problems - 1u);
  let cost_at = problem * N * M;
  let u_at = slot * N;
  let v_at = slot * M;
  let history_at = problem * (params.iterations + 1u) * ROW;
  // Each potential is written by one invocation only, so the barriers below order everything.
  for (var j = lane; j < M; j += LANES) {
    v[v_at + j] = 0.0;
  }
  workgroupBarrier();

  var done = !exists;
  var iterations_done = 0u;
  for (var t = 1u; t <= params.iterations; t++) {
    let row_at = history_at + t * ROW;
    if (!done) {
      iterations_done = t;
      for (var i = lane; i < N; i += LANES) {
        var state = vec2<f32>(DEAD, 0.0);
        for (var j = 0u; j < M; j += 4u) {
          state = extend(state, row_logits(cost_at + i * M, v_at, j));
        }
        let value = potential(a[problem * N + i], state);
        u[u_at + i] = value.x;
        if (KEEP) {
          history[row_at + i] = value.x;
          history[row_at + N + M + i] = value.y;
        }
      }
    }
    workgroupBarrier();
    if (!done) {
      for (var j = lane; j < M; j += LANES) {
        var state = vec2<f32>(DEAD, 0.0);
        for (var i = 0u; i < N; i += 4u) {
          state = extend(state, column_logits(cost_at + j, u_at, i));
        }
        let value = potential(b[problem * M + j], state);
        v[v_at + j] = value.x;
        if (KEEP) {
          history[row_at + N + j] = value.x;
          history[row_at + N + M + N + j] = value.y;
        }
      }
    }
    workgroupBarrier();

    if ((params.tolerance > 0.0 && t % params.check_every == 0u) || t == params.iterations) {
      var part = 0.0;
      if (!done || t == params.iterations) {
        for (var i = lane; i < N; i += LANES) {
          let potential_i = u[u_at + i];
          var sum = 0.0;
          for (var j = 0u; j < M; j++) {
            sum += exp(potential_i + v[v_at + j] - cost[cost_at + i * M + j] * params.inverse_epsilon);
          }
          let mass = max(a[problem * N + i], 0.0);
          // A row that cannot send its mass anywhere misses all of it.
          let target_mass = select(mass * exp(-potential_i * (1.0 / params.lambda - 1.0)), mass, potential_i <= DEAD * 0.5);
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
            history[history_at] = f32(iterations_done);
          }
        }
      } else {
        done = done || total < params.tolerance;
      }
      workgroupBarrier();
    }
  }

  if (exists) {
    for (var index = lane; index < N * M; index += LANES) {
      let i = index / M;
      let j = index % M;
      plan[cost_at + index] = exp(u[u_at + i] + v[v_at + j] - cost[cost_at + index] * params.inverse_epsilon);
    }
  }
}
