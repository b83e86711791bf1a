// Shifted-window attention, forward, for adapters where workgroup memory and barriers cost more than loads (software
// adapters: each zeroes and saves a workgroup's memory per subgroup). Formula and layouts as in window_attention.wgsl:
//
//   S = scale * Q K^T + bias[relative position] + mask,  P = softmax rows of S,  y = P V,  lse = log sum exp of rows
//
// Dispatch: one invocation per 4 queries of a (window, head) pair, with their scores in private memory; no invocation
// waits for another. Products are made of 4 x 4 register tiles. Workgroups spill from x into y.

alias element = vec4<f32>;
const WIDTH: u32 = 4u;
const WINDOW: u32 = 4u;
const HEAD_DIM: u32 = 16u;
const SHIFTED: bool = true;
const PADDED: bool = false;

const INVOCATIONS: u32 = 32u;
const TOKENS: u32 = WINDOW * WINDOW;
const TILES: u32 = (TOKENS + 3u) / 4u;
const VECTORS: u32 = HEAD_DIM / WIDTH;
const SPAN: u32 = 2u * WINDOW - 1u;
const CENTRE: i32 = i32((WINDOW - 1u) * 2u * WINDOW);
const NO_KEY: f32 = -1e30;

struct Params {
  pairs: u32,
  heads: u32,
  height: u32,
  width: u32,
  windows_y: u32,
  windows_x: u32,
  shift_y: u32,
  shift_x: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<element>;
@group(0) @binding(1) var<storage, read> pad: array<element>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<element>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

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

// Places of the four tokens of a tile: their pixels in the batch, or -1 for padding.
fn places_of(token: vec4<u32>, window_y: u32, window_x: u32, image: u32) -> vec4<i32> {
  let in_window = lines_of(token);
  let rolled_y = vec4<u32>(window_y * WINDOW + params.shift_y) + in_window;
  let rolled_x = vec4<u32>(window_x * WINDOW + params.shift_x) + token - in_window * WINDOW;
  let padded = vec2<u32>(params.windows_y, params.windows_x) * WINDOW;
  let row = select(rolled_y, rolled_y - vec4<u32>(padded.x), rolled_y >= vec4<u32>(padded.x));
  let column = select(rolled_x, rolled_x - vec4<u32>(padded.y), rolled_x >= vec4<u32>(padded.y));
  let place = vec4<i32>((vec4<u32>(image * params.height) + row) * params.width + column);
  return select(vec4<i32>(-1), place, (row < vec4<u32>(params.height)) & (column < vec4<u32>(params.width)));
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
  let index = id.x + id.y * group_counts.x * INVOCATIONS;
  if (index >= params.pairs * TILES) {
    return;
  }
  let row_tile = index % TILES;
  let pair = index / TILES;
  let heads = params.heads;
  let scale = params.scale;
  let head = pair % heads;
  let window = pair / heads;
  let windows = params.windows_y * params.windows_x;
  let image = window / windows;
  let window_y = (window % windows) / params.windows_x;
  let window_x = window % params.windows_x;
  let row_elements = 3u * heads * VECTORS;
  let pixels = params.height * params.width;
  let query_at = head * VECTORS;
  let key_at = (heads + head) * VECTORS;
  let value_at = (2u * heads + head) * VECTORS;
  let four = vec4<u32>(0u, 1u, 2u, 3u);
  let last = vec4<u32>(TOKENS - 1u);

  let token = vec4<u32>(row_tile * 4u) + four;
  let row_token = min(token, last);
  let row_place = places_of(row_token, window_y, window_x, image);
  let code_q = codes_of(row_token, window_y, window_x);
  // Outputs of padding queries are cropped, so any row does for them.
  let query = vec4<u32>(max(row_place, vec4<i32>())) * row_elements + vec4<u32>(query_at);

  // Entry 4 * tile + q: scores of query q with the four keys of a tile, later exp(score - row maximum).
  var scores: array<vec4<f32>, TILES * 4u>;
  var places: array<vec4<i32>, TILES>;
  var highest0 = vec4<f32>(NO_KEY);
  var highest1 = vec4<f32>(NO_KEY);
  var highest2 = vec4<f32>(NO_KEY);
  var highest3 = vec4<f32>(NO_KEY);
  for (var tile = 0u; tile < TILES; tile++) {
    let key = vec4<u32>(tile * 4u) + four;
    let key_token = min(key, last);
    let place = places_of(key_token, window_y, window_x, image);
    places[tile] = place;
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
    s0 *= scale;
    s1 *= scale;
    s2 *= scale;
    s3 *= scale;
    let code_k = codes_of(key_token, window_y, window_x);
    // Keys past the last token (the window's size need not be a multiple of 4) get no weight.
    let is_key = key <= last;
    let none = vec4<f32>(NO_KEY);
    s0 = select(none, vec4<f32>(logit(s0.x, code_q.x, code_k.x, heads, head), logit(s0.y, code_q.x, code_k.y, heads, head),
      logit(s0.z, code_q.x, code_k.z, heads, head), logit(s0.w, code_q.x, code_k.w, heads, head)), is_key);
    s1 = select(none, vec4<f32>(logit(s1.x, code_q.y, code_k.x, heads, head), logit(s1.y, code_q.y, code_k.y, heads, head),
      logit(s1.z, code_q.y, code_k.z, heads, head), logit(s1.w, code_q.y, code_k.w, heads, head)), is_key);
    s2 = select(none, vec4<f32>(logit(s2.x, code_q.z, code_k.x, heads, head), logit(s2.y, code_q.z, code_k.y, heads, head),
      logit(s2.z, code_q.z, code_k.z, heads, head), logit(s2.w, code_q.z, code_k.w, heads, head)), is_key);
    s3 = select(none, vec4<f32>(logit(s3.x, code_q.w, code_k.x, heads, head), logit(s3.y, code_q.w, code_k.y, heads, head),
      logit(s3.z, code_q.w, code_k.z, heads, head), logit(s3.w, code_q.w, code_k.w, heads, head)), is_key);
    scores[tile * 4u] = s0;
    scores[tile * 4u + 1u] = s1;
    scores[tile * 4u + 2u] = s2;
    scores[tile * 4u + 3u] = s3;
    highest0 = max(highest0, s0);
    highest1 = max(highest1, s1);
    highest2 = max(highest2, s2);
    highest3 = max(highest3, s3);
  }
  let maximum = vec4<f32>(
    max(max(highest0.x, highest0.y), max(highest0.z, highest0.w)),
    max(max(highest1.x, highest1.y), max(highest1.z, highest1.w)),
    max(max(highest2.x, highest2.y), max(highest2.z, highest2.w)),
    max(max(highest3.x, highest3.y), max(highest3.z, highest3.w)),
  );

  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var tile = 0u; tile < TILES; tile++) {
    let at = tile * 4u;
    let p0 = exp(scores[at] - vec4<f32>(maximum.x));
    scores[at] = p0;
    sum0 += p0;
    let p1 = exp(scores[at + 1u] - vec4<f32>(maximum.y));
    scores[at + 1u] = p1;
    sum1 += p1;
    let p2 = exp(scores[at + 2u] - vec4<f32>(maximum.z));
    scores[at + 2u] = p2;
    sum2 += p2;
    let p3 = exp(scores[at + 3u] - vec4<f32>(maximum.w));
    scores[at + 3u] = p3;
    sum3 += p3;
  }
  let one = vec4<f32>(1.0);
  let sum = vec4<f32>(dot(sum0, one), dot(sum1, one), dot(sum2, one), dot(sum3, one));
  let inverse = one / sum;
  let row_lse = maximum + log(sum);
  let kept = (token <= last) & (row_place >= vec4<i32>());
  let pixel = vec4<u32>(max(row_place, vec4<i32>()));
  let lse_at = pixel + vec4<u32>((image * heads + head) * pixels - image * pixels);
  if (kept.x) {
    lse[lse_at.x] = row_lse.x;
  }
  if (kept.y) {
    lse[lse_at.y] = row_lse.y;
  }
  if (kept.z) {
    lse[lse_at.z] = row_lse.z;
  }
  if (kept.w) {
    lse[lse_at.w] = row_lse.w;
  }

  let out_at = pixel * (heads * VECTORS) + vec4<u32>(query_at);
  for (var c = 0u; c < VECTORS; c++) {
    var o0 = element();
    var o1 = element();
    var o2 = element();
    var o3 = element();
    for (var tile = 0u; tile < TILES; tile++) {
      let place = places[tile];
      let value0 = fetch(place.x, row_elements, value_at + c);
      let value1 = fetch(place.y, row_elements, value_at + c);
      let value2 = fetch(place.z, row_elements, value_at + c);
      let value3 = fetch(place.w, row_elements, value_at + c);
      let p0 = scores[tile * 4u];
      o0 += p0.x * value0 + p0.y * value1 + p0.z * value2 + p0.w * value3;
      let p1 = scores[tile * 4u + 1u];
      o1 += p1.x * value0 + p1.y * value1 + p1.z * value2 + p1.w * value3;
      let p2 = scores[tile * 4u + 2u];
      o2 += p2.x * value0 + p2.y * value1 + p2.z * value2 + p2.w * value3;
      let p3 = scores[tile * 4u + 3u];
      o3 += p3.x * value0 + p3.y * value1 + p3.z * value2 + p3.w * value3;
    }
    if (kept.x) {
      y[out_at.x + c] = o0 * inverse.x;
    }
    if (kept.y) {
      y[out_at.y + c] = o1 * inverse.y;
    }
    if (kept.z) {
      y[out_at.z + c] = o2 * inverse.z;
    }
    if (kept.w) {
      y[out_at.w + c] = o3 * inverse.w;
    }
  }
}
