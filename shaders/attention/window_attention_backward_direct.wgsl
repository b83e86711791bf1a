// Shifted-window attention, backward, for adapters where workgroup memory and barriers cost more than loads, and for
// windows of at most 4 x 4 tokens. Formulas, layouts and partial sums as in window_attention_backward.wgsl:
//
//   P = exp(S - lse) recomputed,  dP = dY V^T,  dS = P * (dP - sum_j P dP)
//   dV = P^T dY,  dQ = scale * dS K,  dK = scale * dS^T Q,  dtable[relative position] = sum dS
//
// Dispatch: one invocation owns one head and walks over one group of windows, with P, dS and the table's sums in
// private memory; no invocation waits for another. Products are made of 4 x 4 register tiles.

alias element = vec4<f32>;
const WIDTH: u32 = 4u;
const WINDOW: u32 = 4u;
const HEAD_DIM: u32 = 16u;
const SHIFTED: bool = true;
const PADDED: bool = false;

const INVOCATIONS: u32 = 4u;
const TOKENS: u32 = WINDOW * WINDOW;
const TILES: u32 = (TOKENS + 3u) / 4u;
const VECTORS: u32 = HEAD_DIM / WIDTH;
const SPAN: u32 = 2u * WINDOW - 1u;
const ENTRIES: u32 = SPAN * SPAN;
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

// Scalar product of two elements. A scalar is splatted, so its product is counted four times: hence WIDTH / 4.
fn inner(a: element, b: element) -> f32 {
  return dot(vec4<f32>(a), vec4<f32>(b)) * (f32(WIDTH) * 0.25);
}

// Parameters travel as arguments: a software adapter loads a uniform from memory wherever it is named.
fn fetch(place: i32, row_elements: u32, offset: u32) -> element {
  if (PADDED) {
    if (place < 0) {
      return pad[offset];
    }
  }
  return qkv[u32(place) * row_elements + offset];
}

fn store(place: i32, row_elements: u32, offset: u32, value: element) {
  if (PADDED) {
    if (place < 0) {
      dpad[u32(-1 - place) * row_elements + offset] = value;
      return;
    }
  }
  dqkv[u32(place) * row_elements + offset] = value;
}

// Slices of an axis that rolled coordinates fall into: one slice where the axis is not shifted.
fn slices_of(position: vec4<u32>, length: u32, shift: u32) -> vec4<u32> {
  let after = select(vec4<u32>(2u), vec4<u32>(1u), position + vec4<u32>(shift) < vec4<u32>(length));
  let first = (position + vec4<u32>(WINDOW) < vec4<u32>(length)) | vec4<bool>(shift == 0u);
  return select(after, vec4<u32>(), first);
}

fn logit(product: f32, query: i32, key: i32, heads: u32, head: u32) -> f32 {
  let relative = u32((query & 65535) - (key & 65535) + CENTRE);
  let biased = product + table[relative * heads + head];
  if (SHIFTED) {
    return select(biased - 100.0, biased, (query >> 16u) == (key >> 16u));
  }
  return biased;
}

// Lines of the window that tokens lie in. By scalars: wgsl_reflect's interpreter divides vectors of integers as floats.
fn lines_of(token: vec4<u32>) -> vec4<u32> {
  return vec4<u32>(token.x / WINDOW, token.y / WINDOW, token.z / WINDOW, token.w / WINDOW);
}

// Places of the four tokens of a tile: their pixels in the batch, or -1 - (their padding token in the batch).
// Padding tokens are numbered along the right strip first, then along the rows below the map.
fn places_of(token: vec4<u32>, window_y: u32, window_x: u32, image: u32) -> vec4<i32> {
  let in_window = lines_of(token);
  let rolled_y = vec4<u32>(window_y * WINDOW + params.shift_y) + in_window;
  let rolled_x = vec4<u32>(window_x * WINDOW + params.shift_x) + token - in_window * WINDOW;
  let padded = vec2<u32>(params.windows_y, params.windows_x) * WINDOW;
  let row = select(rolled_y, rolled_y - vec4<u32>(padded.x), rolled_y >= vec4<u32>(padded.x));
  let column = select(rolled_x, rolled_x - vec4<u32>(padded.y), rolled_x >= vec4<u32>(padded.y));
  let height = vec4<u32>(params.height);
  let width = vec4<u32>(params.width);
  let place = vec4<i32>((vec4<u32>(image * params.height) + row) * params.width + column);
  let right = padded.y - params.width;
  let below = vec4<u32>(params.height * right) + (row - min(row, height)) * padded.y + column;
  let beside = row * right + column - min(column, width);
  let padding = vec4<u32>(image * params.padding_tokens) + select(below, beside, row < height);
  return select(vec4<i32>(-1) - vec4<i32>(padding), place, (row < height) & (column < width));
}

// Region * 65536 + position code of the bias lookup, of the four tokens of a tile.
fn codes_of(token: vec4<u32>, window_y: u32, window_x: u32) -> vec4<i32> {
  let token_y = lines_of(token);
  let token_x = token - token_y * WINDOW;
  var region = vec4<u32>();
  if (SHIFTED) {
    region = slices_of(vec4<u32>(window_y * WINDOW) + token_y, params.windows_y * WINDOW, params.shift_y) * 3u +
      slices_of(vec4<u32>(window_x * WINDOW) + token_x, params.windows_x * WINDOW, params.shift_x);
  }
  return vec4<i32>(region * 65536u + token_y * SPAN + token_x);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) group_counts: vec3<u32>) {
  let pair = id.x + id.y * group_counts.x * INVOCATIONS;
  if (pair >= params.groups * params.heads) {
    return;
  }
  let heads = params.heads;
  let scale = params.scale;
  let head = pair % heads;
  let group = pair / heads;
  let windows = params.windows_y * params.windows_x;
  let row_elements = 3u * heads * VECTORS;
  let y_elements = heads * VECTORS;
  let pixels = params.height * params.width;
  let query_at = head * VECTORS;
  let key_at = (heads + head) * VECTORS;
  let value_at = (2u * heads + head) * VECTORS;
  let four = vec4<u32>(0u, 1u, 2u, 3u);
  let last = vec4<u32>(TOKENS - 1u);
  let first_window = group * params.windows_per_group;
  let end_window = min(first_window + params.windows_per_group, params.images * windows);
  var table_sums: array<f32, ENTRIES>;
  var places: array<vec4<i32>, TILES>;
  var codes: array<vec4<i32>, TILES>;
  // Entry (row_tile * TILES + key_tile) * 4 + q: query q of the row tile with the four keys of the key tile.
  var p: array<vec4<f32>, TILES * TILES * 4u>;
  var ds: array<vec4<f32>, TILES * TILES * 4u>;

  for (var window = first_window; window < end_window; window++) {
    let image = window / windows;
    let window_y = (window % windows) / params.windows_x;
    let window_x = window % params.windows_x;

    for (var tile = 0u; tile < TILES; tile++) {
      let token = min(vec4<u32>(tile * 4u) + four, last);
      places[tile] = places_of(token, window_y, window_x, image);
      codes[tile] = codes_of(token, window_y, window_x);
    }

    for (var row_tile = 0u; row_tile < TILES; row_tile++) {
      let token = vec4<u32>(row_tile * 4u) + four;
      let row_place = places[row_tile];
      let code_q = codes[row_tile];
      // Nothing flows from rows that are padding (their output is cropped) or past the last token.
      let kept = (token <= last) & (row_place >= vec4<i32>());
      let pixel = vec4<u32>(max(row_place, vec4<i32>()));
      let query = pixel * row_elements + vec4<u32>(query_at);
      let grad = pixel * y_elements + vec4<u32>(query_at);
      let lse_at = pixel + vec4<u32>((image * heads + head) * pixels - image * pixels);
      let row_lse = vec4<f32>(lse[lse_at.x], lse[lse_at.y], lse[lse_at.z], lse[lse_at.w]);
      var row_sums = vec4<f32>();

      for (var key_tile = 0u; key_tile < TILES; key_tile++) {
        let key = vec4<u32>(key_tile * 4u) + four;
        let place = places[key_tile];
        var s0 = vec4<f32>();
        var s1 = vec4<f32>();
        var s2 = vec4<f32>();
        var s3 = vec4<f32>();
        for (var c = 0u; c < VECTORS; c++) {
          let key0 = fetch(place.x, row_elements, key_at + c);
          let key1 = fetch(place.y, row_elements, key_at + c);
          let key2 = fetch(place.z, row_elements, key_at + c);
          let key3 = fetch(place.w, row_elements, key_at + c);
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
          let value0 = fetch(place.x, row_elements, value_at + c);
          let value1 = fetch(place.y, row_elements, value_at + c);
          let value2 = fetch(place.z, row_elements, value_at + c);
          let value3 = fetch(place.w, row_elements, value_at + c);
          let g0 = dy[grad.x + c];
          d0 += vec4<f32>(inner(g0, value0), inner(g0, value1), inner(g0, value2), inner(g0, value3));
          let g1 = dy[grad.y + c];
          d1 += vec4<f32>(inner(g1, value0), inner(g1, value1), inner(g1, value2), inner(g1, value3));
          let g2 = dy[grad.z + c];
          d2 += vec4<f32>(inner(g2, value0), inner(g2, value1), inner(g2, value2), inner(g2, value3));
          let g3 = dy[grad.w + c];
          d3 += vec4<f32>(inner(g3, value0), inner(g3, value1), inner(g3, value2), inner(g3, value3));
        }
        s0 *= scale;
        s1 *= scale;
        s2 *= scale;
        s3 *= scale;
        let code_k = codes[key_tile];
        // Nor does anything flow to keys past the last token.
        let is_key = key <= last;
        let none = vec4<f32>();
        let logits0 = vec4<f32>(logit(s0.x, code_q.x, code_k.x, heads, head), logit(s0.y, code_q.x, code_k.y, heads, head),
          logit(s0.z, code_q.x, code_k.z, heads, head), logit(s0.w, code_q.x, code_k.w, heads, head));
        let p0 = select(none, exp(logits0 - vec4<f32>(row_lse.x)), is_key & vec4<bool>(kept.x));
        let logits1 = vec4<f32>(logit(s1.x, code_q.y, code_k.x, heads, head), logit(s1.y, code_q.y, code_k.y, heads, head),
          logit(s1.z, code_q.y, code_k.z, heads, head), logit(s1.w, code_q.y, code_k.w, heads, head));
        let p1 = select(none, exp(logits1 - vec4<f32>(row_lse.y)), is_key & vec4<bool>(kept.y));
        let logits2 = vec4<f32>(logit(s2.x, code_q.z, code_k.x, heads, head), logit(s2.y, code_q.z, code_k.y, heads, head),
          logit(s2.z, code_q.z, code_k.z, heads, head), logit(s2.w, code_q.z, code_k.w, heads, head));
        let p2 = select(none, exp(logits2 - vec4<f32>(row_lse.z)), is_key & vec4<bool>(kept.z));
        let logits3 = vec4<f32>(logit(s3.x, code_q.w, code_k.x, heads, head), logit(s3.y, code_q.w, code_k.y, heads, head),
          logit(s3.z, code_q.w, code_k.z, heads, head), logit(s3.w, code_q.w, code_k.w, heads, head));
        let p3 = select(none, exp(logits3 - vec4<f32>(row_lse.w)), is_key & vec4<bool>(kept.w));
        let at = (row_tile * TILES + key_tile) * 4u;
        p[at] = p0;
        p[at + 1u] = p1;
        p[at + 2u] = p2;
        p[at + 3u] = p3;
        ds[at] = d0;
        ds[at + 1u] = d1;
        ds[at + 2u] = d2;
        ds[at + 3u] = d3;
        row_sums += vec4<f32>(dot(p0, d0), dot(p1, d1), dot(p2, d2), dot(p3, d3));
      }

      // dS = P (dP - sum P dP), and into the table's sums; padding rows and keys have P = 0.
      for (var key_tile = 0u; key_tile < TILES; key_tile++) {
        let key_code = vec4<i32>(CENTRE) - (codes[key_tile] & vec4<i32>(65535));
        for (var q = 0u; q < 4u; q++) {
          let at = (row_tile * TILES + key_tile) * 4u + q;
          let slopes = p[at] * (ds[at] - vec4<f32>(row_sums[q]));
          ds[at] = slopes;
          let entry = vec4<u32>(key_code + vec4<i32>(code_q[q] & 65535));
          table_sums[entry.x] += slopes.x;
          table_sums[entry.y] += slopes.y;
          table_sums[entry.z] += slopes.z;
          table_sums[entry.w] += slopes.w;
        }
      }

      // dQ of the four rows.
      for (var c = 0u; c < VECTORS; c++) {
        var q0 = element();
        var q1 = element();
        var q2 = element();
        var q3 = element();
        for (var tile = 0u; tile < TILES; tile++) {
          let place = places[tile];
          let key0 = fetch(place.x, row_elements, key_at + c);
          let key1 = fetch(place.y, row_elements, key_at + c);
          let key2 = fetch(place.z, row_elements, key_at + c);
          let key3 = fetch(place.w, row_elements, key_at + c);
          let at = (row_tile * TILES + tile) * 4u;
          let slopes0 = ds[at];
          q0 += slopes0.x * key0 + slopes0.y * key1 + slopes0.z * key2 + slopes0.w * key3;
          let slopes1 = ds[at + 1u];
          q1 += slopes1.x * key0 + slopes1.y * key1 + slopes1.z * key2 + slopes1.w * key3;
          let slopes2 = ds[at + 2u];
          q2 += slopes2.x * key0 + slopes2.y * key1 + slopes2.z * key2 + slopes2.w * key3;
          let slopes3 = ds[at + 3u];
          q3 += slopes3.x * key0 + slopes3.y * key1 + slopes3.z * key2 + slopes3.w * key3;
        }
        store(row_place.x, row_elements, query_at + c, q0 * scale);
        if (token.y < TOKENS) {
          store(row_place.y, row_elements, query_at + c, q1 * scale);
        }
        if (token.z < TOKENS) {
          store(row_place.z, row_elements, query_at + c, q2 * scale);
        }
        if (token.w < TOKENS) {
          store(row_place.w, row_elements, query_at + c, q3 * scale);
        }
      }
    }

    // dV and dK, four keys by one element at a time.
    for (var key_tile = 0u; key_tile < TILES; key_tile++) {
      let key = vec4<u32>(key_tile * 4u) + four;
      let place = places[key_tile];
      for (var c = 0u; c < VECTORS; c++) {
        var v0 = element();
        var v1 = element();
        var v2 = element();
        var v3 = element();
        var k0 = element();
        var k1 = element();
        var k2 = element();
        var k3 = element();
        for (var row_tile = 0u; row_tile < TILES; row_tile++) {
          let pixel = vec4<u32>(max(places[row_tile], vec4<i32>()));
          let grad = pixel * y_elements + vec4<u32>(query_at + c);
          let query = pixel * row_elements + vec4<u32>(query_at + c);
          let at = (row_tile * TILES + key_tile) * 4u;
          let g0 = dy[grad.x];
          let g1 = dy[grad.y];
          let g2 = dy[grad.z];
          let g3 = dy[grad.w];
          let p0 = p[at];
          let p1 = p[at + 1u];
          let p2 = p[at + 2u];
          let p3 = p[at + 3u];
          v0 += p0.x * g0 + p1.x * g1 + p2.x * g2 + p3.x * g3;
          v1 += p0.y * g0 + p1.y * g1 + p2.y * g2 + p3.y * g3;
          v2 += p0.z * g0 + p1.z * g1 + p2.z * g2 + p3.z * g3;
          v3 += p0.w * g0 + p1.w * g1 + p2.w * g2 + p3.w * g3;
          let q0 = qkv[query.x];
          let q1 = qkv[query.y];
          let q2 = qkv[query.z];
          let q3 = qkv[query.w];
          let ds0 = ds[at];
          let ds1 = ds[at + 1u];
          let ds2 = ds[at + 2u];
          let ds3 = ds[at + 3u];
          k0 += ds0.x * q0 + ds1.x * q1 + ds2.x * q2 + ds3.x * q3;
          k1 += ds0.y * q0 + ds1.y * q1 + ds2.y * q2 + ds3.y * q3;
          k2 += ds0.z * q0 + ds1.z * q1 + ds2.z * q2 + ds3.z * q3;
          k3 += ds0.w * q0 + ds1.w * q1 + ds2.w * q2 + ds3.w * q3;
        }
        store(place.x, row_elements, value_at + c, v0);
        store(place.x, row_elements, key_at + c, k0 * scale);
        if (key.y < TOKENS) {
          store(place.y, row_elements, value_at + c, v1);
          store(place.y, row_elements, key_at + c, k1 * scale);
        }
        if (key.z < TOKENS) {
          store(place.z, row_elements, value_at + c, v2);
          store(place.z, row_elements, key_at + c, k2 * scale);
        }
        if (key.w < TOKENS) {
          store(place.w, row_elements, value_at + c, v3);
          store(place.w, row_elements, key_at + c, k3 * scale);
        }
      }
    }
  }

  for (var entry = 0u; entry < ENTRIES; entry++) {
    partial[(group * ENTRIES + entry) * heads + head] = table_sums[entry];
  }
}
