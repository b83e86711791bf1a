// Shifted-window attention, backward, with one invocation per query and then one per key: dL/dqkv and partial sums of
// dL/dtable, for maps that are a multiple of the window and head dimensions that are a multiple of 4, up to 32.
//
//   P = exp(S - lse) recomputed,  dP = dY V^T,  D = sum of Y dY over a row's channels (which is sum_j P dP),
//   dS = P * (dP - D),  dV = P^T dY,  dQ = scale * dS K,  dK = scale * dS^T Q,  dtable[relative position] = sum dS
//
// Layouts as in window_attention_backward.wgsl; y is the forward pass's result.
//
// First K and V are brought into workgroup memory, in whole vectors that neighbours read side by side, and each invocation
// walks over the keys with its query, its row of dY and its row of dQ in registers. Then Q and dY take their place, and
// each invocation walks over the queries with its key, its value and their gradients in registers. What is staged is read
// by all invocations at the same place (a broadcast). P and dS are computed twice, which costs two products more than
// keeping them, and never leave registers, but for dS of one line of keys at a time, from which the table's gradient is
// gathered.
//
// Dispatch: LANES invocations own one head and walk over one group of windows, so that the table gradient is summed in a
// fixed order (no atomics, same bits every time); SLOTS such pairs share a workgroup; workgroups spill from x into y.
// Meant for GPUs: software adapters read indexed private arrays element by element.

const WINDOW: u32 = 4u;
const HEAD_DIM: u32 = 16u;
const SHIFTED: bool = true;
const LANES: u32 = 16u;
const SLOTS: u32 = 4u;

const INVOCATIONS: u32 = LANES * SLOTS;
const TOKENS: u32 = WINDOW * WINDOW;
const VECTORS: u32 = HEAD_DIM / 4u;
const SPAN: u32 = 2u * WINDOW - 1u;
const ENTRIES: u32 = SPAN * SPAN;
const ENTRIES_PER_LANE: u32 = (ENTRIES + LANES - 1u) / LANES;
const CENTRE: u32 = (WINDOW - 1u) * 2u * WINDOW;

struct Params {
  images: u32,
  heads: u32,
  height: u32,
  width: u32,
  windows_y: u32,
  windows_x: u32,
  shift_y: u32,
  shift_x: u32,
  windows_per_group: u32,
  groups: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read_write> dqkv: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partial: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

// K and V; then scale * Q and dY.
var<workgroup> staged: array<vec4<f32>, SLOTS * TOKENS * VECTORS>;
var<workgroup> beside: array<vec4<f32>, SLOTS * TOKENS * VECTORS>;
// The head's column of the table.
var<workgroup> biases: array<f32, SLOTS * ENTRIES>;
// dS of all queries and one line of keys, [query][key].
var<workgroup> slopes: array<f32, SLOTS * TOKENS * WINDOW>;
// lse and D of each query.
var<workgroup> row_lse: array<f32, SLOTS * TOKENS>;
var<workgroup> row_sums: array<f32, SLOTS * TOKENS>;

// Slice of an axis that a rolled coordinate falls into: one slice where the axis is not shifted.
fn slice_of(position: u32, length: u32, shift: u32) -> u32 {
  if (shift == 0u || position + WINDOW < length) {
    return 0u;
  }
  return select(2u, 1u, position + shift < length);
}

// Region of the shift mask that a token at rolled coordinates lies in.
fn region_of(row: u32, column: u32) -> u32 {
  if (!SHIFTED) {
    return 0u;
  }
  return slice_of(row, params.windows_y * WINDOW, params.shift_y) * 3u + slice_of(column, params.windows_x * WINDOW, params.shift_x);
}

// Pixel, within its image, of a token of the window whose rolled corner is (top, left).
fn pixel_of(token: u32, top: u32, left: u32) -> u32 {
  let row = (top + token / WINDOW + params.shift_y) % params.height;
  return row * params.width + (left + token % WINDOW + params.shift_x) % params.width;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let slot = invocation / LANES;
  let lane = invocation % LANES;
  let pair_index = (group_id.x + group_id.y * group_counts.x) * SLOTS + slot;
  let pair_exists = (pair_index < params.groups * params.heads);
  let pair = min(pair_index, params.groups * params.heads - 1u);
  let heads = params.heads;
  let head = pair % heads;
  let group = pair / heads;
  let windows = params.windows_y * params.windows_x;
  let all_windows = params.images * windows;
  let pixels = params.height * params.width;
  let y_elements = heads * VECTORS;
  let staged_at = slot * TOKENS * VECTORS;
  let entries_at = slot * ENTRIES;
  let rows_at = slot * TOKENS;
  // The token that is this invocation's query and then its key; those past the last one repeat it and store nothing.
  let has_token = (lane < TOKENS);
  let token = min(lane, TOKENS - 1u);
  let token_y = token / WINDOW;
  let token_x = token % WINDOW;
  var table_sums: array<f32, ENTRIES_PER_LANE>;

  for (var entry = lane; entry < ENTRIES; entry += LANES) {
    biases[entries_at + entry] = table[entry * heads + head];
  }

  for (var step = 0u; step < params.windows_per_group; step++) {
    let window_index = group * params.windows_per_group + step;
    let exists = pair_exists && window_index < all_windows;
    let window = min(window_index, all_windows - 1u);
    let image = window / windows;
    let top = (window % windows) / params.windows_x * WINDOW;
    let left = window % params.windows_x * WINDOW;
    let first_pixel = image * pixels;
    let region = region_of(top + token_y, left + token_x);
    let place = first_pixel + pixel_of(token, top, left);
    let query_at = place * 3u * y_elements + head * VECTORS;
    let grad_at = place * y_elements + head * VECTORS;

    for (var index = lane; index < TOKENS * VECTORS; index += LANES) {
      let at = ((first_pixel + pixel_of(index / VECTORS, top, left)) * 3u + 1u) * y_elements + head * VECTORS + index % VECTORS;
      staged[staged_at + index] = qkv[at];
      beside[staged_at + index] = qkv[at + y_elements];
    }
    // This invocation's query and row of dY, later its key and value; and the gradients of the one or the other.
    var own: array<vec4<f32>, VECTORS>;
    var other: array<vec4<f32>, VECTORS>;
    var down: array<vec4<f32>, VECTORS>;
    var across: array<vec4<f32>, VECTORS>;
    var sum_products = vec4<f32>();
    for (var c = 0u; c < VECTORS; c++) {
      own[c] = qkv[query_at + c] * params.scale;
      other[c] = dy[grad_at + c];
      sum_products += other[c] * y[grad_at + c];
      down[c] = vec4<f32>();
    }
    let row_sum = (sum_products.x + sum_products.y) + (sum_products.z + sum_products.w);
    let own_lse = lse[(image * heads + head) * pixels + place - first_pixel];
    if (has_token) {
      row_lse[rows_at + token] = own_lse;
      row_sums[rows_at + token] = row_sum;
    }
    workgroupBarrier();

    let bias_of_query = entries_at + CENTRE + token_y * SPAN + token_x;
    for (var key_y = 0u; key_y < WINDOW; key_y++) {
      for (var key_x = 0u; key_x < WINDOW; key_x++) {
        let at = staged_at + (key_y * WINDOW + key_x) * VECTORS;
        var products = vec4<f32>();
        var slope_products = vec4<f32>();
        for (var c = 0u; c < VECTORS; c++) {
          products += own[c] * staged[at + c];
          slope_products += other[c] * beside[at + c];
        }
        var score = (products.x + products.y) + (products.z + products.w) + biases[bias_of_query - key_y * SPAN - key_x];
        if (SHIFTED) {
          score -= select(100.0, 0.0, region == region_of(top + key_y, left + key_x));
        }
        let slope = exp(score - own_lse) * ((slope_products.x + slope_products.y) + (slope_products.z + slope_products.w) - row_sum);
        for (var c = 0u; c < VECTORS; c++) {
          down[c] += slope * staged[at + c];
        }
        if (has_token) {
          slopes[(rows_at + token) * WINDOW + key_x] = slope;
        }
      }
      workgroupBarrier();
      // dtable: each entry belongs to one invocation, which gathers the pairs of tokens at that offset.
      for (var turn = 0u; turn < ENTRIES_PER_LANE; turn++) {
        let entry = lane + turn * LANES;
        let query_y = i32(key_y + entry / SPAN) - i32(WINDOW - 1u);
        if (exists && entry < ENTRIES && query_y >= 0 && query_y < i32(WINDOW)) {
          let offset_x = i32(entry % SPAN) - i32(WINDOW - 1u);
          var sum = 0.0;
          for (var key_x = max(0, -offset_x); key_x < i32(WINDOW) - max(0, offset_x); key_x++) {
            sum += slopes[(rows_at + u32(query_y * i32(WINDOW) + key_x + offset_x)) * WINDOW + u32(key_x)];
          }
          table_sums[turn] += sum;
        }
      }
      workgroupBarrier();
    }
    if (exists && has_token) {
      for (var c = 0u; c < VECTORS; c++) {
        dqkv[query_at + c] = down[c] * params.scale;
      }
    }

    for (var index = lane; index < TOKENS * VECTORS; index += LANES) {
      let pixel = first_pixel + pixel_of(index / VECTORS, top, left);
      staged[staged_at + index] = qkv[pixel * 3u * y_elements + head * VECTORS + index % VECTORS] * params.scale;
      beside[staged_at + index] = dy[pixel * y_elements + head * VECTORS + index % VECTORS];
    }
    let key_at = query_at + y_elements;
    for (var c = 0u; c < VECTORS; c++) {
      own[c] = qkv[key_at + c];
      other[c] = qkv[key_at + y_elements + c];
      down[c] = vec4<f32>();
      across[c] = vec4<f32>();
    }
    workgroupBarrier();

    let bias_of_key = entries_at + CENTRE - token_y * SPAN - token_x;
    for (var query_y = 0u; query_y < WINDOW; query_y++) {
      for (var query_x = 0u; query_x < WINDOW; query_x++) {
        let query = query_y * WINDOW + query_x;
        let at = staged_at + query * VECTORS;
        var products = vec4<f32>();
        var slope_products = vec4<f32>();
        for (var c = 0u; c < VECTORS; c++) {
          products += own[c] * staged[at + c];
          slope_products += other[c] * beside[at + c];
        }
        var score = (products.x + products.y) + (products.z + products.w) + biases[bias_of_key + query_y * SPAN + query_x];
        if (SHIFTED) {
          score -= select(100.0, 0.0, region == region_of(top + query_y, left + query_x));
        }
        let weight = exp(score - row_lse[rows_at + query]);
        let slope = weight * ((slope_products.x + slope_products.y) + (slope_products.z + slope_products.w) - row_sums[rows_at + query]);
        for (var c = 0u; c < VECTORS; c++) {
          down[c] += slope * staged[at + c];
          across[c] += weight * beside[at + c];
        }
      }
    }
    if (exists && has_token) {
      for (var c = 0u; c < VECTORS; c++) {
        dqkv[key_at + c] = down[c];
        dqkv[key_at + y_elements + c] = across[c];
      }
    }
    workgroupBarrier();
  }

  if (pair_exists) {
    for (var turn = 0u; turn < ENTRIES_PER_LANE; turn++) {
      let entry = lane + turn * LANES;
      if (entry < ENTRIES) {
        partial[(group * ENTRIES + entry) * heads + head] = table_sums[turn];
      }
    }
  }
}
