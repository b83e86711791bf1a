// Gradient of large transport problems: row update of iteration `step` walked backwards, which ends in the columns.
//
//   dv_j = sum_i W_ij h_i,  dK_ij += W_ij h_i,  v from iteration step - 1
//   then for the column update of iteration step - 1: dlog b_j += lambda dv_j, and h_j of the column
//
// START: instead, dv_j = sum_i dK_ij of the plan, for the column update of a problem's last iteration.
//
//   logits, dcost [B, N, M]; dcost holds dK       b, dmass [B, M]; dmass holds dlog b
//   row_flows [B, N], column_flows [B, M] as in tiled_backward_rows.wgsl;   used, history as there
//
// Dispatch: one workgroup of COLUMNS x SLICES invocations per COLUMNS columns of a problem; a tree adds the slices up
// in a fixed order.

const COLUMNS: u32 = 16u;
const SLICES: u32 = 8u;
const START: bool = false;

const INVOCATIONS: u32 = COLUMNS * SLICES;
const DEAD: f32 = -1e30;

struct Params {
  problems: u32,
  n: u32,
  m: u32,
  step: u32,
  iterations: u32,
  lambda: f32,
  // 1 - lambda: 0 for hard marginals.
  relaxation: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> history: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> used: array<u32>;
@group(0) @binding(4) var<storage, read> row_flows: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> column_flows: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> dcost: array<f32>;
@group(0) @binding(7) var<storage, read_write> dmass: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> sums: array<f32, INVOCATIONS>;

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

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let column_tiles = (params.m + COLUMNS - 1u) / COLUMNS;
  let tile = group_id.x + group_id.y * group_counts.x;
  let problem = min(tile / column_tiles, params.problems - 1u);
  let slice = invocation / COLUMNS;
  let column = tile % column_tiles * COLUMNS + invocation % COLUMNS;
  let last = used[problem];
  let runs = tile < params.problems * column_tiles && column < params.m && (START || params.step <= last);
  let lines = params.n + params.m;
  // The iteration whose column update comes next; before the first one all potentials are 0.
  let next = select(params.step - 1u, last, START);
  let at = (problem * (params.iterations + 1u) + next) * lines + params.n + min(column, params.m - 1u);
  let line = problem * params.m + min(column, params.m - 1u);
  let mass = b[line];
  let state = history[at];
  var v_j = vec2<f32>();
  if (next > 0u) {
    v_j = potential(mass, state);
  }
  var sum = 0.0;
  if (runs) {
    for (var i = slice; i < params.n; i += SLICES) {
      let index = (problem * params.n + i) * params.m + column;
      if (START) {
        sum += dcost[index];
      } else {
        let flow = row_flows[problem * params.n + i];
        let x = v_j + logits[index];
        let entry = exp((x.x - flow.y) + x.y) * flow.x;
        sum += entry;
        dcost[index] += entry;
      }
    }
  }
  sums[invocation] = sum;
  for (var stride = SLICES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (slice < stride) {
      sum += sums[invocation + stride * COLUMNS];
      sums[invocation] = sum;
    }
  }
  if (!runs || slice > 0u || next == 0u) {
    return;
  }
  let alive = v_j.x > DEAD * 0.5;
  let flow = select(0.0, params.lambda * sum, alive);
  dmass[line] = select(dmass[line], 0.0, START) + flow;
  // Nothing comes near the maximum of a dead column.
  column_flows[line] = vec2<f32>(-flow / select(1.0, state.y, alive), select(-DEAD, state.x, alive));
}
