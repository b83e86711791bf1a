// Shifted-window attention, backward, whose queries are shared by the four lanes of a quad: dL/dqkv and partial sums of
// dL/dtable, for maps that are a multiple of the window and head dimensions that are a multiple of 4, up to 32.
//
//   P = exp(S - lse) recomputed,  dP = dY V^T,  D = sum of Y dY over a row's channels (which is sum_j P dP),
//   dS = P * (dP - D),  dV = P^T dY,  dQ = scale * dS K,  dK = scale * dS^T Q,  dtable[relative position] = sum dS
//
// Layouts as in window_attention_backward.wgsl; y is the forward pass's result. Needs the feature `subgroups`; a quad
// is four neighbouring lanes whatever the subgroup's size is.
//
// Each lane keeps 4 or 7 keys and values of a window and their gradients in registers, and walks over all queries once:
// P and dS exist for one query and 16 or 28 keys at a time. A lane loads one vector in four of a query's and broadcasts
// it. dQ is summed over the quad's lanes; where a window takes several blocks of keys, each later block adds to it.
// Registers are named and the shift is no constant, as in window_attention_quad.wgsl.
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
  let none = mat4x4<f32>();
  let more_none = mat4x3<f32>();
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

      var k0 = load_rows(key_at); var l0 = load_more_rows(more_key_at);
      var k1 = none; var l1 = more_none;
      var k2 = none; var l2 = more_none;
      var k3 = none; var l3 = more_none;
      var k4 = none; var l4 = more_none;
      var k5 = none; var l5 = more_none;
      var k6 = none; var l6 = more_none;
      var k7 = none; var l7 = more_none;
      var v0 = load_rows(value_at); var w0 = load_more_rows(more_value_at);
      var v1 = none; var w1 = more_none;
      var v2 = none; var w2 = more_none;
      var v3 = none; var w3 = more_none;
      var v4 = none; var w4 = more_none;
      var v5 = none; var w5 = more_none;
      var v6 = none; var w6 = more_none;
      var v7 = none; var w7 = more_none;
      if (VECTORS > 1u) {
        k1 = load_rows(key_at + 1u); l1 = load_more_rows(more_key_at + 1u);
        v1 = load_rows(value_at + 1u); w1 = load_more_rows(more_value_at + 1u);
      }
      if (VECTORS > 2u) {
        k2 = load_rows(key_at + 2u); l2 = load_more_rows(more_key_at + 2u);
        v2 = load_rows(value_at + 2u); w2 = load_more_rows(more_value_at + 2u);
      }
      if (VECTORS > 3u) {
        k3 = load_rows(key_at + 3u); l3 = load_more_rows(more_key_at + 3u);
        v3 = load_rows(value_at + 3u); w3 = load_more_rows(more_value_at + 3u);
      }
      if (VECTORS > 4u) {
        k4 = load_rows(key_at + 4u); l4 = load_more_rows(more_key_at + 4u);
        v4 = load_rows(value_at + 4u); w4 = load_more_rows(more_value_at + 4u);
      }
      if (VECTORS > 5u) {
        k5 = load_rows(key_at + 5u); l5 = load_more_rows(more_key_at + 5u);
        v5 = load_rows(value_at + 5u); w5 = load_more_rows(more_value_at + 5u);
      }
      if (VECTORS > 6u) {
        k6 = load_rows(key_at + 6u); l6 = load_more_rows(more_key_at + 6u);
        v6 = load_rows(value_at + 6u); w6 = load_more_rows(more_value_at + 6u);
      }
      if (VECTORS > 7u) {
        k7 = load_rows(key_at + 7u); l7 = load_more_rows(more_key_at + 7u);
        v7 = load_rows(value_at + 7u); w7 = load_more_rows(more_value_at + 7u);
      }
      // Gradients of keys (dk, dl) and values (dv, dw).
      var dk0 = none; var dl0 = more_none; var dv0 = none; var dw0 = more_none;
      var dk1 = none; var dl1 = more_none; var dv1 = none; var dw1 = more_none;
      var dk2 = none; var dl2 = more_none; var dv2 = none; var dw2 = more_none;
      var dk3 = none; var dl3 = more_none; var dv3 = none; var dw3 = more_none;
      var dk4 = none; var dl4 = more_none; var dv4 = none; var dw4 = more_none;
      var dk5 = none; var dl5 = more_none; var dv5 = none; var dw5 = more_none;
      var dk6 = none; var dl6 = more_none; var dv6 = none; var dw6 = more_none;
      var dk7 = none; var dl7 = more_none; var dv7 = none; var dw7 = more_none;

      for (var query_y = 0u; query_y < WINDOW; query_y++) {
        let row = (top + query_y + params.shift_y) % height;
        let query_slice = slice_of(top + query_y, params.windows_y * WINDOW, params.shift_y) * 3u;
        for (var query_x = 0u; query_x < WINDOW; query_x++) {
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
          var score = products(k0, q0);
          var more_score = more_products(l0, q0);
          if (VECTORS > 1u) { score += products(k1, q1); more_score += more_products(l1, q1); }
          if (VECTORS > 2u) { score += products(k2, q2); more_score += more_products(l2, q2); }
          if (VECTORS > 3u) { score += products(k3, q3); more_score += more_products(l3, q3); }
          if (VECTORS > 4u) { score += products(k4, q4); more_score += more_products(l4, q4); }
          if (VECTORS > 5u) { score += products(k5, q5); more_score += more_products(l5, q5); }
          if (VECTORS > 6u) { score += products(k6, q6); more_score += more_products(l6, q6); }
          if (VECTORS > 7u) { score += products(k7, q7); more_score += more_products(l7, q7); }
          var slope = products(v0, g0);
          var more_slope = more_products(w0, g0);
          if (VECTORS > 1u) { slope += products(v1, g1); more_slope += more_products(w1, g1); }
          if (VECTORS > 2u) { slope += products(v2, g2); more_slope += more_products(w2, g2); }
          if (VECTORS > 3u) { slope += products(v3, g3); more_slope += more_products(w3, g3); }
          if (VECTORS > 4u) { slope += products(v4, g4); more_slope += more_products(w4, g4); }
          if (VECTORS > 5u) { slope += products(v5, g5); more_slope += more_products(w5, g5); }
          if (VECTORS > 6u) { slope += products(v6, g6); more_slope += more_products(w6, g6); }
          if (VECTORS > 7u) { slope += products(v7, g7); more_slope += more_products(w7, g7); }

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

          dv0 = add_outer(dv0, weight, g0); dw0 = add_more_outer(dw0, more_weight, g0);
          if (VECTORS > 1u) { dv1 = add_outer(dv1, weight, g1); dw1 = add_more_outer(dw1, more_weight, g1); }
          if (VECTORS > 2u) { dv2 = add_outer(dv2, weight, g2); dw2 = add_more_outer(dw2, more_weight, g2); }
          if (VECTORS > 3u) { dv3 = add_outer(dv3, weight, g3); dw3 = add_more_outer(dw3, more_weight, g3); }
          if (VECTORS > 4u) { dv4 = add_outer(dv4, weight, g4); dw4 = add_more_outer(dw4, more_weight, g4); }
          if (VECTORS > 5u) { dv5 = add_outer(dv5, weight, g5); dw5 = add_more_outer(dw5, more_weight, g5); }
          if (VECTORS > 6u) { dv6 = add_outer(dv6, weight, g6); dw6 = add_more_outer(dw6, more_weight, g6); }
          if (VECTORS > 7u) { dv7 = add_outer(dv7, weight, g7); dw7 = add_more_outer(dw7, more_weight, g7); }
          dk0 = add_outer(dk0, slope, q0); dl0 = add_more_outer(dl0, more_slope, q0);
          if (VECTORS > 1u) { dk1 = add_outer(dk1, slope, q1); dl1 = add_more_outer(dl1, more_slope, q1); }
          if (VECTORS > 2u) { dk2 = add_outer(dk2, slope, q2); dl2 = add_more_outer(dl2, more_slope, q2); }
          if (VECTORS > 3u) { dk3 = add_outer(dk3, slope, q3); dl3 = add_more_outer(dl3, more_slope, q3); }
          if (VECTORS > 4u) { dk4 = add_outer(dk4, slope, q4); dl4 = add_more_outer(dl4, more_slope, q4); }
          if (VECTORS > 5u) { dk5 = add_outer(dk5, slope, q5); dl5 = add_more_outer(dl5, more_slope, q5); }
          if (VECTORS > 6u) { dk6 = add_outer(dk6, slope, q6); dl6 = add_more_outer(dl6, more_slope, q6); }
          if (VECTORS > 7u) { dk7 = add_outer(dk7, slope, q7); dl7 = add_more_outer(dl7, more_slope, q7); }

          var d0 = quad_sum4(mixture(k0, l0, slope, more_slope)); var d1 = d0; var d2 = d0; var d3 = d0;
          if (VECTORS > 1u) { d1 = quad_sum4(mixture(k1, l1, slope, more_slope)); }
          if (VECTORS > 2u) { d2 = quad_sum4(mixture(k2, l2, slope, more_slope)); }
          if (VECTORS > 3u) { d3 = quad_sum4(mixture(k3, l3, slope, more_slope)); }
          var own_d = own_of(lane, d0, d1, d2, d3) * scale;
          if (has_share) {
            if (part > 0u) {
              own_d += dqkv[query_at + share];
            }
            dqkv[query_at + share] = own_d;
          }
          if (VECTORS > 4u) {
            d0 = quad_sum4(mixture(k4, l4, slope, more_slope));
            if (VECTORS > 5u) { d1 = quad_sum4(mixture(k5, l5, slope, more_slope)); }
            if (VECTORS > 6u) { d2 = quad_sum4(mixture(k6, l6, slope, more_slope)); }
            if (VECTORS > 7u) { d3 = quad_sum4(mixture(k7, l7, slope, more_slope)); }
            var second_d = own_of(lane, d0, d1, d2, d3) * scale;
            if (has_second) {
              if (part > 0u) {
                second_d += dqkv[query_at + second_share];
              }
              dqkv[query_at + second_share] = second_d;
            }
          }
        }
      }

      // The sums move up one place per turn, so that the code that stores them exists once.
      for (var c = 0u; c < VECTORS; c++) {
        store(valid, key_at + c, more_key_at + c, dk0, dl0);
        store(valid, value_at + c, more_value_at + c, dv0, dw0);
        dk0 = dk1; dl0 = dl1; dv0 = dv1; dw0 = dw1;
        if (VECTORS > 2u) { dk1 = dk2; dl1 = dl2; dv1 = dv2; dw1 = dw2; }
        if (VECTORS > 3u) { dk2 = dk3; dl2 = dl3; dv2 = dv3; dw2 = dw3; }
        if (VECTORS > 4u) { dk3 = dk4; dl3 = dl4; dv3 = dv4; dw3 = dw4; }
        if (VECTORS > 5u) { dk4 = dk5; dl4 = dl5; dv4 = dv5; dw4 = dw5; }
        if (VECTORS > 6u) { dk5 = dk6; dl5 = dl6; dv5 = dv6; dw5 = dw6; }
        if (VECTORS > 7u) { dk6 = dk7; dl6 = dl7; dv6 = dv7; dw6 = dw7; }
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
