// Shifted-window attention, forward, with one invocation per query:
//
//   S = scale * Q K^T + bias[relative position] + mask,  P = softmax rows of S,  y = P V,  lse = log sum exp of rows
//
// Formula and layouts as in window_attention.wgsl, for maps that are a multiple of the window and head dimensions
// that are a multiple of 4, up to 32.
//
// K, V and the head's column of the bias table are brought into workgroup memory once, in whole vectors that neighbours
// read side by side; after the only barrier each invocation keeps its query, its row of y and its sums in registers and
// walks over the keys, which all invocations read at the same place (a broadcast). Scores are never stored.
// The softmax goes along: sums are relative to `reference`, a score of the row, which moves only when a later score
// exceeds it by more than HEADROOM. Floating point does not care which reference it is as long as nothing overflows
// (exp(30) is 1e13), so that rescaling the row is an exception: the first key, and keys after a masked one.
//
// Dispatch: LANES invocations own one (window, head) pair, SLOTS pairs share a workgroup; workgroups spill from x into
// y. Meant for GPUs: software adapters read indexed private arrays element by element.

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
const CENTRE: u32 = (WINDOW - 1u) * 2u * WINDOW;
const HEADROOM: f32 = 30.0;

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

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> keys: array<vec4<f32>, SLOTS * TOKENS * VECTORS>;
var<workgroup> values: array<vec4<f32>, SLOTS * TOKENS * VECTORS>;
var<workgroup> biases: array<f32, SLOTS * ENTRIES>;

// Slice of an axis that a rolled coordinate falls into: one slice where the axis is not shifted.
fn slice_of(position: u32, length: u32, shift: u32) -> u32 {
  if (shift == 0u || position + WINDOW < length) {
    return 0u;
  }
  return select(2u, 1u, position + shift < length);
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
  let pair = min(pair_index, params.pairs - 1u);
  // Heads vary fastest: neighbours read neighbouring channels of the same tokens.
  let heads = params.heads;
  let head = pair % heads;
  let window = pair / heads;
  let windows = params.windows_y * params.windows_x;
  let image = window / windows;
  let top = (window % windows) / params.windows_x * WINDOW;
  let left = window % params.windows_x * WINDOW;
  let pixels = params.height * params.width;
  let first_pixel = image * pixels;
  let row_elements = 3u * heads * VECTORS;
  let staged_at = slot * TOKENS * VECTORS;

  for (var index = lane; index < TOKENS * VECTORS; index += LANES) {
    let at = (first_pixel + pixel_of(index / VECTORS, top, left)) * row_elements + (heads + head) * VECTORS + index % VECTORS;
    keys[staged_at + index] = qkv[at];
    values[staged_at + index] = qkv[at + heads * VECTORS];
  }
  for (var entry = lane; entry < ENTRIES; entry += LANES) {
    biases[slot * ENTRIES + entry] = table[entry * heads + head];
  }
  workgroupBarrier();

  if (pair_index >= params.pairs || lane >= TOKENS) {
    return;
  }
  let pixel = pixel_of(lane, top, left);
  let query_at = (first_pixel + pixel) * row_elements + head * VECTORS;
  var query: array<vec4<f32>, VECTORS>;
  var sums: array<vec4<f32>, VECTORS>;
  for (var c = 0u; c < VECTORS; c++) {
    query[c] = qkv[query_at + c] * params.scale;
    sums[c] = vec4<f32>();
  }
  let padded_height = params.windows_y * WINDOW;
  let padded_width = params.windows_x * WINDOW;
  var region = 0u;
  if (SHIFTED) {
    region = slice_of(top + lane / WINDOW, padded_height, params.shift_y) * 3u + slice_of(left + lane % WINDOW, padded_width, params.shift_x);
  }
  let bias_at = slot * ENTRIES + lane / WINDOW * SPAN + lane % WINDOW + CENTRE;
  var reference = -1e30;
  var total = 0.0;
  for (var key_y = 0u; key_y < WINDOW; key_y++) {
    for (var key_x = 0u; key_x < WINDOW; key_x++) {
      let at = staged_at + (key_y * WINDOW + key_x) * VECTORS;
      var products = vec4<f32>();
      for (var c = 0u; c < VECTORS; c++) {
        products += query[c] * keys[at + c];
      }
      var score = (products.x + products.y) + (products.z + products.w) + biases[bias_at - key_y * SPAN - key_x];
      if (SHIFTED) {
        let key_region = slice_of(top + key_y, padded_height, params.shift_y) * 3u + slice_of(left + key_x, padded_width, params.shift_x);
        score -= select(100.0, 0.0, region == key_region);
      }
      if (score > reference + HEADROOM) {
        let factor = exp(reference - score);
        reference = score;
        total *= factor;
        for (var c = 0u; c < VECTORS; c++) {
          sums[c] *= factor;
        }
      }
      let weight = exp(score - reference);
      total += weight;
      for (var c = 0u; c < VECTORS; c++) {
        sums[c] += weight * values[at + c];
      }
    }
  }

  lse[(image * heads + head) * pixels + pixel] = reference + log(total);
  let out_at = (first_pixel + pixel) * (heads * VECTORS) + head * VECTORS;
  let inverse = 1.0 / total;
  for (var c = 0u; c < VECTORS; c++) {
    y[out_at + c] = sums[c] * inverse;
  }
}
