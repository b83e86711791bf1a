// Shifted-window attention, backward, whose queries are shared by the four lanes of a quad: dL/dqkv and partial sums of
// dL/dtable, for maps that are a multiple of the window and head dimensions that are a multiple of 4, up to 32.
//
//   P = exp(S - lse) recomputed,  dP = dY V^T,  D = sum of Y dY over a row's channels (which is sum_j P dP),
//   dS = P * (dP - D),  dV = P^T dY,  dQ = scale * dS K,  dK = scale * dS^T Q,  dtable[relative position] = sum dS
//
// Layouts as in window_attention_backward.wgsl; y is the forward pass's result. Needs the feature `subgroups`; a quad
// is four neighbouring lanes whatever the subgroup's size is.
//
// Each lane keeps 4 or 7 keys and values of a window and their gradients to itself, and walks over all queries once:
// P and dS exist for one query and 16 or 28 keys at a time. A lane loads one vector in four of a query's and broadcasts
// it. dQ is summed over the quad's lanes; where a window takes several blocks of keys, each later block adds to it.
// Keys, values and their gradients are arrays that are loaded and stored in loops and used by constant indices between:
// SwiftShader then keeps them in memory, where they end up anyway. As named registers, live through the whole loop over
// queries, they made it compile six times as long (5 s and more at a window of 7 and 32 channels, 2026-11-23). The shift is no
// constant, as in window_attention_quad.wgsl.
//
// Dispatch: workgroups of 4 lanes, each with one head and one group of windows, so that the table gradient is summed
// in a fixed order (no atomics, same bits every time); workgroups spill from x into y.
enable subgroups;

const WINDOW: u32 = 4u;
const HEAD_DIM: u32 = 16u;
// Keys of a lane: 7 (true), which makes a lane's share of a window of 7 one of its lines, or 4 (false).
const TALL: bool = false;

const TOKENS: u32 = WINDOW * WINDOW;
const ROWS: u32 = select(4u, 7u, TALL);
const BLOCKS: u32 = (TOKENS + 4u * ROWS - 1u) / (4u * ROWS);
const VECTORS: u32 = HEAD_DIM / 4u;
const SPAN: u32 = 2u * WINDOW - 1u;
const ENTRIES: u32 = SPAN * SPAN;
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

// A matrix holds four channels (columns) of keys 0 to 3, its narrow twin those of keys 4 to 6.
fn load_rows(at: vec4<u32>) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(qkv[at.x], qkv[at.y], qkv[at.z], qkv[at.w]));
}

fn load_more_rows(at: vec4<u32>) -> mat4x3<f32> {
  if (!TALL) {
    return mat4x3<f32>();
  }
  return transpose(mat3x4<f32>(qkv[at.x], qkv[at.y], qkv[at.z]));
}

// Four channels' share of the scalar products of a query (or of its gradient) with the keys (or values).
fn products(rows: mat4x4<f32>, key: vec4<f32>) -> vec4<f32> {
  return rows * key;
}

fn more_products(rows: mat4x3<f32>, key: vec4<f32>) -> vec3<f32> {
  if (!TALL) {
    return vec3<f32>();
  }
  return rows * key;
}

// Four channels of the sum of keys with the given weights, over a lane's keys.
fn mixture(keys: mat4x4<f32>, more_keys: mat4x3<f32>, weights: vec4<f32>, more_weights: vec3<f32>) -> vec4<f32> {
  if (!TALL) {
    return weights * keys;
  }
  return weights * keys + more_weights * more_keys;
}

// sums + weights (of the keys) times four channels of a query (or of its gradient).
fn add_outer(sums: mat4x4<f32>, weights: vec4<f32>, value: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    sums[0] + weights * value.x,
    sums[1] + weights * value.y,
    sums[2] + weights * value.z,
    sums[3] + weights * value.w,
  );
}

fn add_more_outer(sums: mat4x3<f32>, weights: vec3<f32>, value: vec4<f32>) -> mat4x3<f32> {
  if (!TALL) {
    return sums;
  }
  return mat4x3<f32>(
    sums[0] + weights * value.x,
    sums[1] + weights * value.y,
    sums[2] + weights * value.z,
    sums[3] + weights * value.w,
  );
}

fn quad_sum(x: f32) -> f32 {
  let pair = x + quadSwapX(x);
  return pair + quadSwapY(pair);
}

fn quad_sum4(x: vec4<f32>) -> vec4<f32> {
  let pair = x + quadSwapX(x);
  return pair + quadSwapY(pair);
}

// The vector of a lane's share of a query.
fn own_of(lane: u32, x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>) -> vec4<f32> {
  return select(select(x0, x1, lane == 1u), select(x2, x3, lane == 3u), lane >= 2u);
}

// Slice of an axis that a rolled coordinate falls into: one slice where the axis is not shifted.
fn slice_of(position: u32, length: u32, shift: u32) -> u32 {
  if (shift == 0u || position + WINDOW < length) {
    return 0u;
  }
  return select(2u, 1u, position + shift < length);
}

fn region_of(token: u32, top: u32, left: u32) -> u32 {
  return slice_of(top + token / WINDOW, params.windows_y * WINDOW, params.shift_y) * 3u +
    slice_of(left + token % WINDOW, params.windows_x * WINDOW, params.shift_x);
}

// Stores four channels of the gradients of a lane's keys, or of its values.
fn store(valid: u32, at: vec4<u32>, at_more: vec4<u32>, rows: mat4x4<f32>, more_rows: mat4x3<f32>) {
  let four = transpose(rows);
  if (valid > 0u) {
    dqkv[at.x] = four[0];
  }
  if (valid > 1u) {
    dqkv[at.y] = four[1];
  }
  if (valid > 2u) {
    dqkv[at.z] = four[2];
  }
  if (valid > 3u) {
    dqkv[at.w] = four[3];
  }
  if (TALL) {
    let three = transpose(more_rows);
    if (valid > 4u) {
      dqkv[at_more.x] = three[0];
    }
    if (valid > 5u) {
      dqkv[at_more.y] = three[1];
    }
    if (valid > 6u) {
      dqkv[at_more.z] = three[2];
    }
  }
}

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group_id: vec3<u32>,
  @builtin(num_workgroups) group_counts: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let pair = group_id.x + group_id.y * group_counts.x;
  if (pair >= params.groups * params.heads) {
    return;
  }
  let heads = params.heads;
  let height = params.height;
  let width = params.width;
  let scale = params.scale;
  let head = pair % heads;
  let group = pair / heads;
  let windows = params.windows_y * params.windows_x;
  let row_elements = 3u * heads * VECTORS;
  let y_elements = heads * VECTORS;
  let first_window = group * params.windows_per_group;
  let end_window = min(first_window + params.windows_per_group, params.images * windows);
  let lane = subgroup_lane % 4u;
  // The quad's share of a query: vectors `share` and `share + 4`.
  let share = min(lane, VECTORS - 1u);
  let second_share = min(lane + 4u, VECTORS - 1u);
  let has_share = lane < VECTORS;
  let has_second = lane + 4u < VECTORS;
  // This lane's part of the table's gradient, over all windows of the group.
  var table_sums: array<f32, ENTRIES>;

  for (var window = first_window; window < end_window; window++) {
    let image = window / windows;
    let top = (window % windows) / params.windows_x * WINDOW;
    let left = window % params.windows_x * WINDOW;
    let first_pixel = image * height * width;
    for (var part = 0u; part < BLOCKS; part++) {
      // The lane's keys; those past the window get no weight and are not stored.
      let first = (part * 4u + invocation) * ROWS;
      let valid = min(TOKENS - min(first, TOKENS), ROWS);
      let token = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(TOKENS - 1u));
      let more = min(vec4<u32>(first) + vec4<u32>(4u, 5u, 6u, 6u), vec4<u32>(TOKENS - 1u));
      let token_y = token / WINDOW;
      let more_y = more / WINDOW;
      let place_y = (token_y + vec4<u32>(top + params.shift_y)) % height;
      let place_x = (token - token_y * WINDOW + vec4<u32>(left + params.shift_x)) % width;
      let more_place_y = (more_y + vec4<u32>(top + params.shift_y)) % height;
      let more_place_x = (more - more_y * WINDOW + vec4<u32>(left + params.shift_x)) % width;
      // Places in the table, for the query at the window's corner.
      let entry = vec4<u32>(CENTRE) - (token_y * SPAN + token - token_y * WINDOW);
      let more_entry = (vec4<u32>(CENTRE) - (more_y * SPAN + more - more_y * WINDOW)).xyz;
      let region = vec4<u32>(region_of(token.x, top, left), region_of(token.y, top, left), region_of(token.z, top, left), region_of(token.w, top, left));
      let more_region = vec3<u32>(region_of(more.x, top, left), region_of(more.y, top, left), region_of(more.z, top, left));
      let key_at = (place_y * width + place_x + first_pixel) * row_elements + (heads + head) * VECTORS;
      let more_key_at = (more_place_y * width + more_place_x + first_pixel) * row_elements + (heads + head) * VECTORS;
      let value_at = key_at + y_elements;
      let more_value_at = more_key_at + y_elements;

      var k: array<mat4x4<f32>, 8>; var l: array<mat4x3<f32>, 8>;
      var v: array<mat4x4<f32>, 8>; var w: array<mat4x3<f32>, 8>;
      for (var c = 0u; c < VECTORS; c++) {
        k[c] = load_rows(key_at + c); l[c] = load_more_rows(more_key_at + c);
        v[c] = load_rows(value_at + c); w[c] = load_more_rows(more_value_at + c);
      }
      // Gradients of keys (dk, dl) and values (dv, dw).
      var dk = array<mat4x4<f32>, 8>(); var dl = array<mat4x3<f32>, 8>();
      var dv = array<mat4x4<f32>, 8>(); var dw = array<mat4x3<f32>, 8>();

      var query_y = 0u;
      var query_x = 0u;
      for (var query = 0u; query < TOKENS; query++) {
        let row = (top + query_y + params.shift_y) % height;
        let query_slice = slice_of(top + query_y, params.windows_y * WINDOW, params.shift_y) * 3u;
        let pixel = row * width + (left + query_x + params.shift_x) % width;
        let query_at = (first_pixel + pixel) * row_elements + head * VECTORS;
        let grad_at = (first_pixel + pixel) * y_elements + head * VECTORS;
        let own_q = qkv[query_at + share] * scale;
        let own_g = dy[grad_at + share];
        var own_product = select(0.0, dot(own_g, y[grad_at + share]), has_share);
        var second_q = own_q;
        var second_g = own_g;
        if (VECTORS > 4u) {
          second_q = qkv[query_at + second_share] * scale;
          second_g = dy[grad_at + second_share];
          own_product += select(0.0, dot(second_g, y[grad_at + second_share]), has_second);
        }
        let row_sum = quad_sum(own_product);
        let row_lse = lse[(image * heads + head) * height * width + pixel];

        let q0 = quadBroadcast(own_q, 0u);
        let q1 = quadBroadcast(own_q, 1u);
        let q2 = quadBroadcast(own_q, 2u);
        let q3 = quadBroadcast(own_q, 3u);
        let q4 = quadBroadcast(second_q, 0u);
        let q5 = quadBroadcast(second_q, 1u);
        let q6 = quadBroadcast(second_q, 2u);
        let q7 = quadBroadcast(second_q, 3u);
        let g0 = quadBroadcast(own_g, 0u);
        let g1 = quadBroadcast(own_g, 1u);
        let g2 = quadBroadcast(own_g, 2u);
        let g3 = quadBroadcast(own_g, 3u);
        let g4 = quadBroadcast(second_g, 0u);
        let g5 = quadBroadcast(second_g, 1u);
        let g6 = quadBroadcast(second_g, 2u);
        let g7 = quadBroadcast(second_g, 3u);
        var score = products(k[0], q0);
        var more_score = more_products(l[0], q0);
        if (VECTORS > 1u) { score += products(k[1], q1); more_score += more_products(l[1], q1); }
        if (VECTORS > 2u) { score += products(k[2], q2); more_score += more_products(l[2], q2); }
        if (VECTORS > 3u) { score += products(k[3], q3); more_score += more_products(l[3], q3); }
        if (VECTORS > 4u) { score += products(k[4], q4); more_score += more_products(l[4], q4); }
        if (VECTORS > 5u) { score += products(k[5], q5); more_score += more_products(l[5], q5); }
        if (VECTORS > 6u) { score += products(k[6], q6); more_score += more_products(l[6], q6); }
        if (VECTORS > 7u) { score += products(k[7], q7); more_score += more_products(l[7], q7); }
        var slope = products(v[0], g0);
        var more_slope = more_products(w[0], g0);
        if (VECTORS > 1u) { slope += products(v[1], g1); more_slope += more_products(w[1], g1); }
        if (VECTORS > 2u) { slope += products(v[2], g2); more_slope += more_products(w[2], g2); }
        if (VECTORS > 3u) { slope += products(v[3], g3); more_slope += more_products(w[3], g3); }
        if (VECTORS > 4u) { slope += products(v[4], g4); more_slope += more_products(w[4], g4); }
        if (VECTORS > 5u) { slope += products(v[5], g5); more_slope += more_products(w[5], g5); }
        if (VECTORS > 6u) { slope += products(v[6], g6); more_slope += more_products(w[6], g6); }
        if (VECTORS > 7u) { slope += products(v[7], g7); more_slope += more_products(w[7], g7); }

        let query_code = query_y * SPAN + query_x;
        let here = entry + query_code;
        let more_here = more_entry + query_code;
        let at = here * heads + head;
        score += vec4<f32>(table[at.x], table[at.y], table[at.z], table[at.w]) - row_lse;
        if (TALL) {
          let more_at = more_here * heads + head;
          more_score += vec3<f32>(table[more_at.x], table[more_at.y], table[more_at.z]) - row_lse;
        }
        let query_region = query_slice + slice_of(left + query_x, params.windows_x * WINDOW, params.shift_x);
        score -= select(vec4<f32>(100.0), vec4<f32>(), region == vec4<u32>(query_region));
        more_score -= select(vec3<f32>(100.0), vec3<f32>(), more_region == vec3<u32>(query_region));
        let weight = select(vec4<f32>(), exp(score), vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(valid));
        slope = weight * (slope - row_sum);
        table_sums[here.x] += slope.x;
        table_sums[here.y] += slope.y;
        table_sums[here.z] += slope.z;
        table_sums[here.w] += slope.w;
        var more_weight = vec3<f32>();
        if (TALL) {
          more_weight = select(vec3<f32>(), exp(more_score), vec3<u32>(4u, 5u, 6u) < vec3<u32>(valid));
          more_slope = more_weight * (more_slope - row_sum);
          table_sums[more_here.x] += more_slope.x;
          table_sums[more_here.y] += more_slope.y;
          table_sums[more_here.z] += more_slope.z;
        }

        dv[0] = add_outer(dv[0], weight, g0); dw[0] = add_more_outer(dw[0], more_weight, g0);
        if (VECTORS > 1u) { dv[1] = add_outer(dv[1], weight, g1); dw[1] = add_more_outer(dw[1], more_weight, g1); }
        if (VECTORS > 2u) { dv[2] = add_outer(dv[2], weight, g2); dw[2] = add_more_outer(dw[2], more_weight, g2); }
        if (VECTORS > 3u) { dv[3] = add_outer(dv[3], weight, g3); dw[3] = add_more_outer(dw[3], more_weight, g3); }
        if (VECTORS > 4u) { dv[4] = add_outer(dv[4], weight, g4); dw[4] = add_more_outer(dw[4], more_weight, g4); }
        if (VECTORS > 5u) { dv[5] = add_outer(dv[5], weight, g5); dw[5] = add_more_outer(dw[5], more_weight, g5); }
        if (VECTORS > 6u) { dv[6] = add_outer(dv[6], weight, g6); dw[6] = add_more_outer(dw[6], more_weight, g6); }
        if (VECTORS > 7u) { dv[7] = add_outer(dv[7], weight, g7); dw[7] = add_more_outer(dw[7], more_weight, g7); }
        dk[0] = add_outer(dk[0], slope, q0); dl[0] = add_more_outer(dl[0], more_slope, q0);
        if (VECTORS > 1u) { dk[1] = add_outer(dk[1], slope, q1); dl[1] = add_more_outer(dl[1], more_slope, q1); }
        if (VECTORS > 2u) { dk[2] = add_outer(dk[2], slope, q2); dl[2] = add_more_outer(dl[2], more_slope, q2); }
        if (VECTORS > 3u) { dk[3] = add_outer(dk[3], slope, q3); dl[3] = add_more_outer(dl[3], more_slope, q3); }
        if (VECTORS > 4u) { dk[4] = add_outer(dk[4], slope, q4); dl[4] = add_more_outer(dl[4], more_slope, q4); }
        if (VECTORS > 5u) { dk[5] = add_outer(dk[5], slope, q5); dl[5] = add_more_outer(dl[5], more_slope, q5); }
        if (VECTORS > 6u) { dk[6] = add_outer(dk[6], slope, q6); dl[6] = add_more_outer(dl[6], more_slope, q6); }
        if (VECTORS > 7u) { dk[7] = add_outer(dk[7], slope, q7); dl[7] = add_more_outer(dl[7], more_slope, q7); }

        var d0 = quad_sum4(mixture(k[0], l[0], slope, more_slope)); var d1 = d0; var d2 = d0; var d3 = d0;
        if (VECTORS > 1u) { d1 = quad_sum4(mixture(k[1], l[1], slope, more_slope)); }
        if (VECTORS > 2u) { d2 = quad_sum4(mixture(k[2], l[2], slope, more_slope)); }
        if (VECTORS > 3u) { d3 = quad_sum4(mixture(k[3], l[3], slope, more_slope)); }
        var own_d = own_of(lane, d0, d1, d2, d3) * scale;
        if (has_share) {
          if (part > 0u) {
            own_d += dqkv[query_at + share];
          }
          dqkv[query_at + share] = own_d;
        }
        if (VECTORS > 4u) {
          d0 = quad_sum4(mixture(k[4], l[4], slope, more_slope));
          if (VECTORS > 5u) { d1 = quad_sum4(mixture(k[5], l[5], slope, more_slope)); }
          if (VECTORS > 6u) { d2 = quad_sum4(mixture(k[6], l[6], slope, more_slope)); }
          if (VECTORS > 7u) { d3 = quad_sum4(mixture(k[7], l[7], slope, more_slope)); }
          var second_d = own_of(lane, d0, d1, d2, d3) * scale;
          if (has_second) {
            if (part > 0u) {
              second_d += dqkv[query_at + second_share];
            }
            dqkv[query_at + second_share] = second_d;
          }
        }
        query_x += 1u;
        if (query_x == WINDOW) {
          query_x = 0u;
          query_y += 1u;
        }
      }

      for (var c = 0u; c < VECTORS; c++) {
        store(valid, key_at + c, more_key_at + c, dk[c], dl[c]);
        store(valid, value_at + c, more_value_at + c, dv[c], dw[c]);
      }
    }
  }

  for (var place = 0u; place < ENTRIES; place++) {
    let sum = quad_sum(table_sums[place]);
    if (lane == place % 4u) {
      partial[(group * ENTRIES + place) * heads + head] = sum;
    }
  }
}
