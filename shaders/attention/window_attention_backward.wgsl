// Shifted-window attention, backward: dL/dqkv, dL/d(qkv of padding tokens) and partial sums of dL/dtable.
//
//   P = exp(S - lse) recomputed,  dP = dY V^T,  dS = P * (dP - sum_j P dP)
//   dV = P^T dY,  dQ = scale * dS K,  dK = scale * dS^T Q,  dtable[relative position] = sum dS
//
// Layouts as in window_attention.wgsl, and
//   dy like y; dqkv like qkv; dpad [B, padding tokens, 3, heads, HEAD_DIM]
//   partial [groups, (2 WINDOW - 1)^2, heads], to be summed over groups
//
// Dispatch: LANES invocations own one head and walk over one group of windows, so that the table gradient is
// summed in registers in a fixed order (no atomics, same bits every time); SLOTS such pairs share a workgroup.
// P and dS of ROWS score rows at a time are in workgroup memory, each product is made of 4 x 4 register tiles.

alias element = vec4<f32>;
const WIDTH: u32 = 4u;
const WINDOW: u32 = 4u;
const HEAD_DIM: u32 = 16u;
const SHIFTED: bool = true;
const PADDED: bool = false;
const LANES: u32 = 16u;
const SLOTS: u32 = 4u;
const ROWS: u32 = 16u;

const INVOCATIONS: u32 = LANES * SLOTS;
const TOKENS: u32 = WINDOW * WINDOW;
const TILES: u32 = (TOKENS + 3u) / 4u;
const ROW_TILES: u32 = ROWS / 4u;
const CHUNKS: u32 = (TILES + ROW_TILES - 1u) / ROW_TILES;
const VECTORS: u32 = HEAD_DIM / WIDTH;
const SPAN: u32 = 2u * WINDOW - 1u;
const ENTRIES: u32 = SPAN * SPAN;
const ENTRIES_PER_LANE: u32 = (ENTRIES + LANES - 1u) / LANES;
const CENTRE: i32 = i32((WINDOW - 1u) * 2u * WINDOW);

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
  padding_tokens: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<element>;
@group(0) @binding(1) var<storage, read> pad: array<element>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<element>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read_write> dqkv: array<element>;
@group(0) @binding(6) var<storage, read_write> dpad: array<element>;
@group(0) @binding(7) var<storage, read_write> partial: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

// Per token: its pixel in the batch, or -1 - (its padding token in the batch); region * 65536 + position code.
var<workgroup> places: array<i32, SLOTS * TILES * 4u>;
var<workgroup> codes: array<i32, SLOTS * TILES * 4u>;
// A block of rows, four keys to a vector. ds holds dP until the row sums are known.
var<workgroup> p: array<vec4<f32>, SLOTS * ROWS * TILES>;
var<workgroup> ds: array<vec4<f32>, SLOTS * ROWS * TILES>;

// Scalar product of two elements. A scalar is splatted, so its product is counted four times: hence WIDTH / 4.
fn inner(a: element, b: element) -> f32 {
  return dot(vec4<f32>(a), vec4<f32>(b)) * (f32(WIDTH) * 0.25);
}

fn fetch(place: i32, offset: u32) -> element {
  if (PADDED) {
    if (place < 0) {
      return pad[offset];
    }
  }
  return qkv[u32(place) * (3u * params.heads * VECTORS) + offset];
}

fn store(place: i32, offset: u32, add: bool, value: element) {
  if (PADDED) {
    if (place < 0) {
      let at = u32(-1 - place) * (3u * params.heads * VECTORS) + offset;
      var total = value;
      if (add) {
        total += dpad[at];
      }
      dpad[at] = total;
      return;
    }
  }
  let at = u32(place) * (3u * params.heads * VECTORS) + offset;
  var total = value;
  if (add) {
    total += dqkv[at];
  }
  dqkv[at] = total;
}

// Slice of an axis that a rolled coordinate falls into: one slice where the axis is not shifted.
fn slice_of(position: u32, length: u32, shift: u32) -> u32 {
  if (shift == 0u || position + WINDOW < length) {
    return 0u;
  }
  return select(2u, 1u, position + shift < length);
}

fn logit(product: f32, query: i32, key: i32, head: u32) -> f32 {
  let relative = u32((query & 65535) - (key & 65535) + CENTRE);
  let biased = product * params.scale + table[relative * params.heads + head];
  if (SHIFTED) {
    return select(biased - 100.0, biased, (query >> 16u) == (key >> 16u));
  }
  return biased;
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
  let pair_exists = pair_index < params.groups * params.heads;
  let pair = min(pair_index, params.groups * params.heads - 1u);
  let head = pair % params.heads;
  let group = pair / params.heads;
  let windows = params.windows_y * params.windows_x;
  let all_windows = params.images * windows;
  let tokens_at = slot * TILES * 4u;
  let scores_at = slot * ROWS * TILES;
  let row_elements = 3u * params.heads * VECTORS;
  let y_elements = params.heads * VECTORS;
  let pixels = params.height * params.width;
  let query_at = head * VECTORS;
  let key_at = (params.heads + head) * VECTORS;
  let value_at = (2u * params.heads + head) * VECTORS;
  var table_sums: array<f32, ENTRIES_PER_LANE>;

  for (var step = 0u; step < params.windows_per_group; step++) {
    let window_index = group * params.windows_per_group + step;
    let exists = pair_exists && window_index < all_windows;
    let window = min(window_index, all_windows - 1u);
    let image = window / windows;
    let window_y = (window % windows) / params.windows_x;
    let window_x = window % params.windows_x;

    for (var index = lane; index < TILES * 4u; index += LANES) {
      let token = min(index, TOKENS - 1u);
      let token_y = token / WINDOW;
      let token_x = token % WINDOW;
      let padded_height = params.windows_y * WINDOW;
      let padded_width = params.windows_x * WINDOW;
      let rolled_y = window_y * WINDOW + token_y;
      let rolled_x = window_x * WINDOW + token_x;
      let row = (rolled_y + params.shift_y) % padded_height;
      let column = (rolled_x + params.shift_x) % padded_width;
      let right = padded_width - params.width;
      // Padding tokens are numbered along the right strip first, then along the rows below the map.
      let below = params.height * right + (row - min(row, params.height)) * padded_width + column;
      let beside = row * right + column - min(column, params.width);
      let padding = image * params.padding_tokens + select(below, beside, row < params.height);
      let place = i32((image * params.height + row) * params.width + column);
      places[tokens_at + index] = select(-1 - i32(padding), place, row < params.height && column < params.width);
      let region = slice_of(rolled_y, padded_height, params.shift_y) * 3u + slice_of(rolled_x, padded_width, params.shift_x);
      codes[tokens_at + index] = i32(region * 65536u + token_y * SPAN + token_x);
    }
    workgroupBarrier();

    for (var chunk = 0u; chunk < CHUNKS; chunk++) {
      let first_tile = chunk * ROW_TILES;
      let row_tiles = min(ROW_TILES, TILES - first_tile);

      // P and dP, in 4 x 4 tiles.
      for (var task = lane; task < row_tiles * TILES; task += LANES) {
        let row_tile = task / TILES;
        let key_tile = task % TILES;
        let r = tokens_at + (first_tile + row_tile) * 4u;
        let k = tokens_at + key_tile * 4u;
        let pixel = vec4<u32>(max(vec4<i32>(places[r], places[r + 1u], places[r + 2u], places[r + 3u]), vec4<i32>()));
        let query = pixel * row_elements + vec4<u32>(query_at);
        let grad = pixel * y_elements + vec4<u32>(query_at);
        let place0 = places[k];
        let place1 = places[k + 1u];
        let place2 = places[k + 2u];
        let place3 = places[k + 3u];
        var s0 = vec4<f32>();
        var s1 = vec4<f32>();
        var s2 = vec4<f32>();
        var s3 = vec4<f32>();
        for (var c = 0u; c < VECTORS; c++) {
          let key0 = fetch(place0, key_at + c);
          let key1 = fetch(place1, key_at + c);
          let key2 = fetch(place2, key_at + c);
          let key3 = fetch(place3, key_at + c);
          let q0 = qkv[query.x + c];
          s0 += vec4<f32>(inner(q0, key0), inner(q0, key1), inner(q0, key2), inner(q0, key3));
          let q1 = qkv[query.y + c];
          s1 += vec4<f32>(inner(q1, key0), inner(q1, key1), inner(q1, key2), inner(q1, key3));
          let q2 = qkv[query.z + c];
          s2 += vec4<f32>(inner(q2, key0), inner(q2, key1), inner(q2, key2), inner(q2, key3));
          let q3 = qkv[query.w + c];
          s3 += vec4<f32>(inner(q3, key0), inner(q3, key1), inner(q3, key2), inner(q3, key3));
        }
        var d0 = vec4<f32>();
        var d1 = vec4<f32>();
        var d2 = vec4<f32>();
        var d3 = vec4<f32>();
        for (var c = 0u; c < VECTORS; c++) {
          let value0 = fetch(place0, value_at + c);
          let value1 = fetch(place1, value_at + c);
          let value2 = fetch(place2, value_at + c);
          let value3 = fetch(place3, value_at + c);
          let g0 = dy[grad.x + c];
          d0 += vec4<f32>(inner(g0, value0), inner(g0, value1), inner(g0, value2), inner(g0, value3));
          let g1 = dy[grad.y + c];
          d1 += vec4<f32>(inner(g1, value0), inner(g1, value1), inner(g1, value2), inner(g1, value3));
          let g2 = dy[grad.z + c];
          d2 += vec4<f32>(inner(g2, value0), inner(g2, value1), inner(g2, value2), inner(g2, value3));
          let g3 = dy[grad.w + c];
          d3 += vec4<f32>(inner(g3, value0), inner(g3, value1), inner(g3, value2), inner(g3, value3));
        }
        let code_q = vec4<i32>(codes[r], codes[r + 1u], codes[r + 2u], codes[r + 3u]);
        let code_k = vec4<i32>(codes[k], codes[k + 1u], codes[k + 2u], codes[k + 3u]);
        let at = scores_at + row_tile * 4u * TILES + key_tile;
        let lse_at = pixel + vec4<u32>((image * params.heads + head) * pixels - image * pixels);
        // Nothing flows from rows that are padding (their output is cropped) or past the last token,
        // nor to keys past it.
        let row_counts = vec4<u32>(0u, 1u, 2u, 3u) + vec4<u32>((first_tile + row_tile) * 4u) < vec4<u32>(TOKENS);
        let is_key = vec4<u32>(0u, 1u, 2u, 3u) + vec4<u32>(key_tile * 4u) < vec4<u32>(TOKENS);
        let none = vec4<f32>();
        let l0 = vec4<f32>(lse[lse_at.x]);
        let logits0 = vec4<f32>(logit(s0.x, code_q.x, code_k.x, head), logit(s0.y, code_q.x, code_k.y, head),
          logit(s0.z, code_q.x, code_k.z, head), logit(s0.w, code_q.x, code_k.w, head));
        p[at] = select(none, exp(logits0 - l0), is_key & vec4<bool>(row_counts.x && places[r] >= 0));
        ds[at] = d0;
        let l1 = vec4<f32>(lse[lse_at.y]);
        let logits1 = vec4<f32>(logit(s1.x, code_q.y, code_k.x, head), logit(s1.y, code_q.y, code_k.y, head),
          logit(s1.z, code_q.y, code_k.z, head), logit(s1.w, code_q.y, code_k.w, head));
        p[at + TILES] = select(none, exp(logits1 - l1), is_key & vec4<bool>(row_counts.y && places[r + 1u] >= 0));
        ds[at + TILES] = d1;
        let l2 = vec4<f32>(lse[lse_at.z]);
        let logits2 = vec4<f32>(logit(s2.x, code_q.z, code_k.x, head), logit(s2.y, code_q.z, code_k.y, head),
          logit(s2.z, code_q.z, code_k.z, head), logit(s2.w, code_q.z, code_k.w, head));
        p[at + 2u * TILES] = select(none, exp(logits2 - l2), is_key & vec4<bool>(row_counts.z && places[r + 2u] >= 0));
        ds[at + 2u * TILES] = d2;
        let l3 = vec4<f32>(lse[lse_at.w]);
        let logits3 = vec4<f32>(logit(s3.x, code_q.w, code_k.x, head), logit(s3.y, code_q.w, code_k.y, head),
          logit(s3.z, code_q.w, code_k.z, head), logit(s3.w, code_q.w, code_k.w, head));
        p[at + 3u * TILES] = select(none, exp(logits3 - l3), is_key & vec4<bool>(row_counts.w && places[r + 3u] >= 0));
        ds[at + 3u * TILES] = d3;
      }
      workgroupBarrier();

      // dS = P (dP - sum P dP), row by row.
      for (var row = lane; row < row_tiles * 4u; row += LANES) {
        let at = scores_at + row * TILES;
        var sum = 0.0;
        for (var tile = 0u; tile < TILES; tile++) {
          sum += dot(p[at + tile], ds[at + tile]);
        }
        for (var tile = 0u; tile < TILES; tile++) {
          ds[at + tile] = p[at + tile] * (ds[at + tile] - vec4<f32>(sum));
        }
      }
      workgroupBarrier();

      // dV and dK: one task is 4 keys by one element.
      for (var task = lane; task < TILES * VECTORS; task += LANES) {
        let key_tile = task / VECTORS;
        let channel = task % VECTORS;
        var v0 = element();
        var v1 = element();
        var v2 = element();
        var v3 = element();
        var k0 = element();
        var k1 = element();
        var k2 = element();
        var k3 = element();
        for (var row = 0u; row < row_tiles * 4u; row++) {
          let pixel = u32(max(places[tokens_at + first_tile * 4u + row], 0));
          let at = scores_at + row * TILES + key_tile;
          let weights = p[at];
          let g = dy[pixel * y_elements + query_at + channel];
          v0 += weights.x * g;
          v1 += weights.y * g;
          v2 += weights.z * g;
          v3 += weights.w * g;
          let slopes = ds[at];
          let q = qkv[pixel * row_elements + query_at + channel];
          k0 += slopes.x * q;
          k1 += slopes.y * q;
          k2 += slopes.z * q;
          k3 += slopes.w * q;
        }
        // Later blocks add to what the same invocation wrote for the earlier ones.
        let add = chunk > 0u;
        let token = key_tile * 4u;
        if (exists) {
          store(places[tokens_at + token], value_at + channel, add, v0);
          store(places[tokens_at + token], key_at + channel, add, k0 * params.scale);
          if (token + 1u < TOKENS) {
            store(places[tokens_at + token + 1u], value_at + channel, add, v1);
            store(places[tokens_at + token + 1u], key_at + channel, add, k1 * params.scale);
          }
          if (token + 2u < TOKENS) {
            store(places[tokens_at + token + 2u], value_at + channel, add, v2);
            store(places[tokens_at + token + 2u], key_at + channel, add, k2 * params.scale);
          }
          if (token + 3u < TOKENS) {
            store(places[tokens_at + token + 3u], value_at + channel, add, v3);
            store(places[tokens_at + token + 3u], key_at + channel, add, k3 * params.scale);
          }
        }
      }

      // dQ: one task is 4 queries by one element; complete, because a chunk holds all keys of its rows.
      for (var task = lane; task < row_tiles * VECTORS; task += LANES) {
        let row_tile = task / VECTORS;
        let channel = task % VECTORS;
        let at = scores_at + row_tile * 4u * TILES;
        var q0 = element();
        var q1 = element();
        var q2 = element();
        var q3 = element();
        for (var tile = 0u; tile < TILES; tile++) {
          let k = tokens_at + tile * 4u;
          let key0 = fetch(places[k], key_at + channel);
          let key1 = fetch(places[k + 1u], key_at + channel);
          let key2 = fetch(places[k + 2u], key_at + channel);
          let key3 = fetch(places[k + 3u], key_at + channel);
          let slopes0 = ds[at + tile];
          q0 += slopes0.x * key0 + slopes0.y * key1 + slopes0.z * key2 + slopes0.w * key3;
          let slopes1 = ds[at + TILES + tile];
          q1 += slopes1.x * key0 + slopes1.y * key1 + slopes1.z * key2 + slopes1.w * key3;
          let slopes2 = ds[at + 2u * TILES + tile];
          q2 += slopes2.x * key0 + slopes2.y * key1 + slopes2.z * key2 + slopes2.w * key3;
          let slopes3 = ds[at + 3u * TILES + tile];
          q3 += slopes3.x * key0 + slopes3.y * key1 + slopes3.z * key2 + slopes3.w * key3;
        }
        let token = (first_tile + row_tile) * 4u;
        if (exists) {
          store(places[tokens_at + token], query_at + channel, false, q0 * params.scale);
          if (token + 1u < TOKENS) {
            store(places[tokens_at + token + 1u], query_at + channel, false, q1 * params.scale);
          }
          if (token + 2u < TOKENS) {
            store(places[tokens_at + token + 2u], query_at + channel, false, q2 * params.scale);
          }
          if (token + 3u < TOKENS) {
            store(places[tokens_at + token + 3u], query_at + channel, false, q3 * params.scale);
          }
        }
      }

      // dtable: each entry belongs to one invocation, which gathers the pairs of tokens at that offset.
      if (exists) {
        let first_row = first_tile * 4u;
        let end_row = min(first_row + row_tiles * 4u, TOKENS);
        for (var turn = 0u; turn < ENTRIES_PER_LANE; turn++) {
          let entry = lane + turn * LANES;
          if (entry < ENTRIES) {
            let offset_y = i32(entry / SPAN) - i32(WINDOW - 1u);
            let offset_x = i32(entry % SPAN) - i32(WINDOW - 1u);
            var sum = 0.0;
            for (var i_y = max(0, offset_y); i_y < i32(WINDOW) + min(0, offset_y); i_y++) {
              for (var i_x = max(0, offset_x); i_x < i32(WINDOW) + min(0, offset_x); i_x++) {
                let row = u32(i_y) * WINDOW + u32(i_x);
                let key = u32((i_y - offset_y) * i32(WINDOW) + i_x - offset_x);
                if (row >= first_row && row < end_row) {
                  sum += ds[scores_at + (row - first_row) * TILES + key / 4u][key % 4u];
                }
              }
            }
            table_sums[turn] += sum;
          }
        }
      }
      workgroupBarrier();
    }
  }

  if (pair_exists) {
    for (var turn = 0u; turn < ENTRIES_PER_LANE; turn++) {
      let entry = lane + turn * LANES;
      if (entry < ENTRIES) {
        partial[(group * ENTRIES + entry) * params.heads + head] = table_sums[turn];
      }
    }
  }
}
