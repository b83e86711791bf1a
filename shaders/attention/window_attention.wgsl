// Shifted-window attention, forward (Swin Transformer; padding as in torchvision's swin_transformer.py):
//
//   per window and head, over its WINDOW^2 tokens:  S = scale * Q K^T + bias[relative position] + mask
//   P = softmax rows of S,   y = P V,   lse = log sum exp of each row (kept for the backward pass)
//   mask = -100 between tokens that the cyclic shift brought together from different regions
//
// Roll, partition, bias lookup, mask, reverse and crop are index arithmetic; there is no N x N buffer.
//
// Layouts (elements of width WIDTH: vec4<f32> where the head dimension divides by 4, else f32)
//   qkv   [B, H, W, 3, heads, HEAD_DIM]   pad [3, heads, HEAD_DIM]: qkv of the padding tokens (the qkv bias)
//   table [(2 WINDOW - 1)^2, heads]       y [B, H, W, heads, HEAD_DIM]      lse [B, heads, H, W]
//
// Dispatch: LANES invocations own one (window, head) pair, SLOTS pairs share a workgroup (so that a small window
// still fills a GPU's subgroups). The pair's score rows are worked on in blocks of ROWS rows that fit workgroup
// memory; one task is a 4 x 4 tile of scores, or 4 rows by one element of output, so that each load serves several
// multiply-adds. Workgroups spill from x into y. Software adapters run window_attention_direct.wgsl instead.

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

// Per token: its pixel in the batch, or -1 for padding; region * 65536 + position code of the bias lookup.
var<workgroup> places: array<i32, SLOTS * TILES * 4u>;
var<workgroup> codes: array<i32, SLOTS * TILES * 4u>;
// A block of score rows, four keys to a vector; exp(S - row maximum) after the softmax step.
var<workgroup> scores: array<vec4<f32>, SLOTS * ROWS * TILES>;
var<workgroup> inverse_sums: array<f32, SLOTS * ROWS>;

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
  let exists = pair_index < params.pairs;
  let pair = min(pair_index, params.pairs - 1u);
  // Heads vary fastest: neighbours read neighbouring channels of the same tokens.
  let head = pair % params.heads;
  let window = pair / params.heads;
  let windows = params.windows_y * params.windows_x;
  let image = window / windows;
  let window_y = (window % windows) / params.windows_x;
  let window_x = window % params.windows_x;
  let tokens_at = slot * TILES * 4u;
  let scores_at = slot * ROWS * TILES;
  let row_elements = 3u * params.heads * VECTORS;
  let pixels = params.height * params.width;

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
    let place = i32((image * params.height + row) * params.width + column);
    places[tokens_at + index] = select(-1, place, row < params.height && column < params.width);
    let region = slice_of(rolled_y, padded_height, params.shift_y) * 3u + slice_of(rolled_x, padded_width, params.shift_x);
    codes[tokens_at + index] = i32(region * 65536u + token_y * (2u * WINDOW - 1u) + token_x);
  }
  workgroupBarrier();

  for (var chunk = 0u; chunk < CHUNKS; chunk++) {
    let first_tile = chunk * ROW_TILES;
    let row_tiles = min(ROW_TILES, TILES - first_tile);

    for (var task = lane; task < row_tiles * TILES; task += LANES) {
      let row_tile = task / TILES;
      let key_tile = task % TILES;
      let r = tokens_at + (first_tile + row_tile) * 4u;
      let k = tokens_at + key_tile * 4u;
      let query_at = head * VECTORS;
      let key_at = (params.heads + head) * VECTORS;
      // Outputs of padding queries are cropped, so any row does for them.
      let query0 = u32(max(places[r], 0)) * row_elements + query_at;
      let query1 = u32(max(places[r + 1u], 0)) * row_elements + query_at;
      let query2 = u32(max(places[r + 2u], 0)) * row_elements + query_at;
      let query3 = u32(max(places[r + 3u], 0)) * row_elements + query_at;
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
        let q0 = qkv[query0 + c];
        s0 += vec4<f32>(inner(q0, key0), inner(q0, key1), inner(q0, key2), inner(q0, key3));
        let q1 = qkv[query1 + c];
        s1 += vec4<f32>(inner(q1, key0), inner(q1, key1), inner(q1, key2), inner(q1, key3));
        let q2 = qkv[query2 + c];
        s2 += vec4<f32>(inner(q2, key0), inner(q2, key1), inner(q2, key2), inner(q2, key3));
        let q3 = qkv[query3 + c];
        s3 += vec4<f32>(inner(q3, key0), inner(q3, key1), inner(q3, key2), inner(q3, key3));
      }
      let code_q = vec4<i32>(codes[r], codes[r + 1u], codes[r + 2u], codes[r + 3u]);
      let code_k = vec4<i32>(codes[k], codes[k + 1u], codes[k + 2u], codes[k + 3u]);
      let at = scores_at + row_tile * 4u * TILES + key_tile;
      // Keys past the last token (the window's size need not be a multiple of 4) get no weight.
      let is_key = vec4<u32>(0u, 1u, 2u, 3u) + vec4<u32>(key_tile * 4u) < vec4<u32>(TOKENS);
      let none = vec4<f32>(NO_KEY);
      scores[at] = select(none, vec4<f32>(logit(s0.x, code_q.x, code_k.x, head), logit(s0.y, code_q.x, code_k.y, head),
        logit(s0.z, code_q.x, code_k.z, head), logit(s0.w, code_q.x, code_k.w, head)), is_key);
      scores[at + TILES] = select(none, vec4<f32>(logit(s1.x, code_q.y, code_k.x, head), logit(s1.y, code_q.y, code_k.y, head),
        logit(s1.z, code_q.y, code_k.z, head), logit(s1.w, code_q.y, code_k.w, head)), is_key);
      scores[at + 2u * TILES] = select(none, vec4<f32>(logit(s2.x, code_q.z, code_k.x, head), logit(s2.y, code_q.z, code_k.y, head),
        logit(s2.z, code_q.z, code_k.z, head), logit(s2.w, code_q.z, code_k.w, head)), is_key);
      scores[at + 3u * TILES] = select(none, vec4<f32>(logit(s3.x, code_q.w, code_k.x, head), logit(s3.y, code_q.w, code_k.y, head),
        logit(s3.z, code_q.w, code_k.z, head), logit(s3.w, code_q.w, code_k.w, head)), is_key);
    }
    workgroupBarrier();

    for (var row = lane; row < row_tiles * 4u; row += LANES) {
      let at = scores_at + row * TILES;
      var highest = scores[at];
      for (var tile = 1u; tile < TILES; tile++) {
        highest = max(highest, scores[at + tile]);
      }
      let maximum = max(max(highest.x, highest.y), max(highest.z, highest.w));
      var sums = vec4<f32>();
      for (var tile = 0u; tile < TILES; tile++) {
        let weights = exp(scores[at + tile] - vec4<f32>(maximum));
        scores[at + tile] = weights;
        sums += weights;
      }
      let sum = (sums.x + sums.y) + (sums.z + sums.w);
      inverse_sums[slot * ROWS + row] = 1.0 / sum;
      let token = first_tile * 4u + row;
      let place = places[tokens_at + token];
      if (exists && token < TOKENS && place >= 0) {
        lse[(image * params.heads + head) * pixels + u32(place) - image * pixels] = maximum + log(sum);
      }
    }
    workgroupBarrier();

    for (var task = lane; task < row_tiles * VECTORS; task += LANES) {
      let row_tile = task / VECTORS;
      let channel = task % VECTORS;
      let value_at = (2u * params.heads + head) * VECTORS + channel;
      let at = scores_at + row_tile * 4u * TILES;
      var o0 = element();
      var o1 = element();
      var o2 = element();
      var o3 = element();
      for (var tile = 0u; tile < TILES; tile++) {
        let k = tokens_at + tile * 4u;
        let value0 = fetch(places[k], value_at);
        let value1 = fetch(places[k + 1u], value_at);
        let value2 = fetch(places[k + 2u], value_at);
        let value3 = fetch(places[k + 3u], value_at);
        let p0 = scores[at + tile];
        o0 += p0.x * value0 + p0.y * value1 + p0.z * value2 + p0.w * value3;
        let p1 = scores[at + TILES + tile];
        o1 += p1.x * value0 + p1.y * value1 + p1.z * value2 + p1.w * value3;
        let p2 = scores[at + 2u * TILES + tile];
        o2 += p2.x * value0 + p2.y * value1 + p2.z * value2 + p2.w * value3;
        let p3 = scores[at + 3u * TILES + tile];
        o3 += p3.x * value0 + p3.y * value1 + p3.z * value2 + p3.w * value3;
      }
      let token = (first_tile + row_tile) * 4u;
      let inverse_at = slot * ROWS + row_tile * 4u;
      let out_at = head * VECTORS + channel;
      if (exists) {
        let place0 = places[tokens_at + token];
        if (place0 >= 0) {
          y[u32(place0) * (params.heads * VECTORS) + out_at] = o0 * inverse_sums[inverse_at];
        }
        let place1 = places[tokens_at + token + 1u];
        if (place1 >= 0 && token + 1u < TOKENS) {
          y[u32(place1) * (params.heads * VECTORS) + out_at] = o1 * inverse_sums[inverse_at + 1u];
        }
        let place2 = places[tokens_at + token + 2u];
        if (place2 >= 0 && token + 2u < TOKENS) {
          y[u32(place2) * (params.heads * VECTORS) + out_at] = o2 * inverse_sums[inverse_at + 2u];
        }
        let place3 = places[tokens_at + token + 3u];
        if (place3 >= 0 && token + 3u < TOKENS) {
          y[u32(place3) * (params.heads * VECTORS) + out_at] = o3 * inverse_sums[inverse_at + 3u];
        }
      }
    }
    workgroupBarrier();
  }
}
