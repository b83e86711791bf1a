// Shifted-window attention, forward, whose keys and values are shared by the four lanes of a quad:
//
//   S = scale * Q K^T + bias[relative position] + mask,  P = softmax rows of S,  y = P V,  lse = log sum exp of rows
//
// Formula and layouts as in window_attention.wgsl, for maps that are a multiple of the window and head dimensions
// that are a multiple of 4, up to 32. Needs the feature `subgroups`; a quad is four neighbouring lanes whatever the
// subgroup's size is.
//
// Each lane keeps 4 or 7 rows of Q and of the result in registers and walks over the keys, then over the values; a lane
// loads one vector in four and broadcasts it. Scores wait in private memory for the row's maximum: a softmax that goes
// along in one walk would have to rescale the result, which SwiftShader pays for in every turn, taken or not.
// Registers are named, not indexed, because SwiftShader reads an indexed private array element by element; and whether
// the map is shifted is no constant, because compiling takes it longer (a second and more) than comparing regions.
//
// Dispatch: workgroups of 4 lanes, one per block of 4 * ROWS queries of a (window, head) pair; workgroups spill from
// x into y.
enable subgroups;

const WINDOW: u32 = 4u;
const HEAD_DIM: u32 = 16u;
// Rows of a lane: 7 (true), which makes a lane's share of a window of 7 one of its lines, or 4 (false).
const TALL: bool = false;

const TOKENS: u32 = WINDOW * WINDOW;
const ROWS: u32 = select(4u, 7u, TALL);
const BLOCKS: u32 = (TOKENS + 4u * ROWS - 1u) / (4u * ROWS);
const VECTORS: u32 = HEAD_DIM / 4u;
const SPAN: u32 = 2u * WINDOW - 1u;
const CENTRE: u32 = (WINDOW - 1u) * 2u * WINDOW;

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

// A matrix holds four channels (columns) of rows 0 to 3, its narrow twin those of rows 4 to 6.
fn load_rows(at: vec4<u32>) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(qkv[at.x], qkv[at.y], qkv[at.z], qkv[at.w])) * params.scale;
}

fn load_more_rows(at: vec4<u32>) -> mat4x3<f32> {
  if (!TALL) {
    return mat4x3<f32>();
  }
  return transpose(mat3x4<f32>(qkv[at.x], qkv[at.y], qkv[at.z])) * params.scale;
}

// Four channels' share of the scalar products of a key with the rows.
fn products(rows: mat4x4<f32>, key: vec4<f32>) -> vec4<f32> {
  return rows * key;
}

fn more_products(rows: mat4x3<f32>, key: vec4<f32>) -> vec3<f32> {
  if (!TALL) {
    return vec3<f32>();
  }
  return rows * key;
}

// sums + weights (of the rows) times four channels of a value.
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

fn scaled(sums: mat4x4<f32>, factors: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(sums[0] * factors, sums[1] * factors, sums[2] * factors, sums[3] * factors);
}

fn more_scaled(sums: mat4x3<f32>, factors: vec3<f32>) -> mat4x3<f32> {
  if (!TALL) {
    return sums;
  }
  return mat4x3<f32>(sums[0] * factors, sums[1] * factors, sums[2] * factors, sums[3] * factors);
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

// Stores channels 4 c .. 4 c + 3 of a lane's rows.
fn store(valid: u32, at: vec4<u32>, at_more: vec4<u32>, rows: mat4x4<f32>, more_rows: mat4x3<f32>) {
  let four = transpose(rows);
  if (valid > 0u) {
    y[at.x] = four[0];
  }
  if (valid > 1u) {
    y[at.y] = four[1];
  }
  if (valid > 2u) {
    y[at.z] = four[2];
  }
  if (valid > 3u) {
    y[at.w] = four[3];
  }
  if (TALL) {
    let three = transpose(more_rows);
    if (valid > 4u) {
      y[at_more.x] = three[0];
    }
    if (valid > 5u) {
      y[at_more.y] = three[1];
    }
    if (valid > 6u) {
      y[at_more.z] = three[2];
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
  let group = group_id.x + group_id.y * group_counts.x;
  if (group >= params.pairs * BLOCKS) {
    return;
  }
  let part = group % BLOCKS;
  let pair = group / BLOCKS;
  let heads = params.heads;
  let height = params.height;
  let width = params.width;
  let head = pair % heads;
  let window = pair / heads;
  let windows = params.windows_y * params.windows_x;
  let image = window / windows;
  let top = (window % windows) / params.windows_x * WINDOW;
  let left = window % params.windows_x * WINDOW;
  let first_pixel = image * height * width;
  let row_elements = 3u * heads * VECTORS;

  // The lane's rows; those past the window repeat its last token and are not stored.
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
  let pixel = place_y * width + place_x;
  let more_pixel = more_place_y * width + more_place_x;
  // Places in the table, for the key at the window's corner.
  let bias_at = (token_y * SPAN + token - token_y * WINDOW + CENTRE) * heads + head;
  let more_bias_at = (more_y * SPAN + more - more_y * WINDOW + CENTRE) * heads + head;
  let region = vec4<u32>(region_of(token.x, top, left), region_of(token.y, top, left), region_of(token.z, top, left), region_of(token.w, top, left));
  let more_region = vec4<u32>(region_of(more.x, top, left), region_of(more.y, top, left), region_of(more.z, top, left), 0u);

  let at = (pixel + first_pixel) * row_elements + head * VECTORS;
  let more_at = (more_pixel + first_pixel) * row_elements + head * VECTORS;
  let none = mat4x4<f32>();
  let more_none = mat4x3<f32>();
  var q0 = load_rows(at); var r0 = load_more_rows(more_at);
  var q1 = none; var r1 = more_none;
  var q2 = none; var r2 = more_none;
  var q3 = none; var r3 = more_none;
  var q4 = none; var r4 = more_none;
  var q5 = none; var r5 = more_none;
  var q6 = none; var r6 = more_none;
  var q7 = none; var r7 = more_none;
  if (VECTORS > 1u) { q1 = load_rows(at + 1u); r1 = load_more_rows(more_at + 1u); }
  if (VECTORS > 2u) { q2 = load_rows(at + 2u); r2 = load_more_rows(more_at + 2u); }
  if (VECTORS > 3u) { q3 = load_rows(at + 3u); r3 = load_more_rows(more_at + 3u); }
  if (VECTORS > 4u) { q4 = load_rows(at + 4u); r4 = load_more_rows(more_at + 4u); }
  if (VECTORS > 5u) { q5 = load_rows(at + 5u); r5 = load_more_rows(more_at + 5u); }
  if (VECTORS > 6u) { q6 = load_rows(at + 6u); r6 = load_more_rows(more_at + 6u); }
  if (VECTORS > 7u) { q7 = load_rows(at + 7u); r7 = load_more_rows(more_at + 7u); }

  // The quad's share of a key or value: vectors `share` and `share + 4`.
  let share = min(subgroup_lane % 4u, VECTORS - 1u);
  let second_share = min(subgroup_lane % 4u + 4u, VECTORS - 1u);
  var scores: array<vec4<f32>, TOKENS>;
  var more_scores: array<vec3<f32>, TOKENS>;
  var highest = vec4<f32>(-1e30);
  var more_highest = vec3<f32>(-1e30);
  for (var key_y = 0u; key_y < WINDOW; key_y++) {
    let row = (top + key_y + params.shift_y) % height;
    let key_slice = slice_of(top + key_y, params.windows_y * WINDOW, params.shift_y) * 3u;
    for (var key_x = 0u; key_x < WINDOW; key_x++) {
      let column = (left + key_x + params.shift_x) % width;
      let key_at = (first_pixel + row * width + column) * row_elements + (heads + head) * VECTORS;
      let own_key = qkv[key_at + share];
      var second_key = own_key;
      if (VECTORS > 4u) {
        second_key = qkv[key_at + second_share];
      }
      let k0 = quadBroadcast(own_key, 0u);
      var score = products(q0, k0);
      var more_score = more_products(r0, k0);
      if (VECTORS > 1u) { let k = quadBroadcast(own_key, 1u); score += products(q1, k); more_score += more_products(r1, k); }
      if (VECTORS > 2u) { let k = quadBroadcast(own_key, 2u); score += products(q2, k); more_score += more_products(r2, k); }
      if (VECTORS > 3u) { let k = quadBroadcast(own_key, 3u); score += products(q3, k); more_score += more_products(r3, k); }
      if (VECTORS > 4u) { let k = quadBroadcast(second_key, 0u); score += products(q4, k); more_score += more_products(r4, k); }
      if (VECTORS > 5u) { let k = quadBroadcast(second_key, 1u); score += products(q5, k); more_score += more_products(r5, k); }
      if (VECTORS > 6u) { let k = quadBroadcast(second_key, 2u); score += products(q6, k); more_score += more_products(r6, k); }
      if (VECTORS > 7u) { let k = quadBroadcast(second_key, 3u); score += products(q7, k); more_score += more_products(r7, k); }

      let key_code = (key_y * SPAN + key_x) * heads;
      score += vec4<f32>(table[bias_at.x - key_code], table[bias_at.y - key_code], table[bias_at.z - key_code], table[bias_at.w - key_code]);
      if (TALL) {
        more_score += vec3<f32>(table[more_bias_at.x - key_code], table[more_bias_at.y - key_code], table[more_bias_at.z - key_code]);
      }
      let key_region = key_slice + slice_of(left + key_x, params.windows_x * WINDOW, params.shift_x);
      score -= select(vec4<f32>(100.0), vec4<f32>(), region == vec4<u32>(key_region));
      more_score -= select(vec3<f32>(100.0), vec3<f32>(), more_region.xyz == vec3<u32>(key_region));
      scores[key_y * WINDOW + key_x] = score;
      highest = max(highest, score);
      if (TALL) {
        more_scores[key_y * WINDOW + key_x] = more_score;
        more_highest = max(more_highest, more_score);
      }
    }
  }

  var y0 = none; var z0 = more_none;
  var y1 = none; var z1 = more_none;
  var y2 = none; var z2 = more_none;
  var y3 = none; var z3 = more_none;
  var y4 = none; var z4 = more_none;
  var y5 = none; var z5 = more_none;
  var y6 = none; var z6 = more_none;
  var y7 = none; var z7 = more_none;
  var total = vec4<f32>();
  var more_total = vec3<f32>();
  for (var key_y = 0u; key_y < WINDOW; key_y++) {
    let row = (top + key_y + params.shift_y) % height;
    for (var key_x = 0u; key_x < WINDOW; key_x++) {
      let column = (left + key_x + params.shift_x) % width;
      let value_at = (first_pixel + row * width + column) * row_elements + (2u * heads + head) * VECTORS;
      let own_value = qkv[value_at + share];
      var second_value = own_value;
      if (VECTORS > 4u) {
        second_value = qkv[value_at + second_share];
      }
      let weight = exp(scores[key_y * WINDOW + key_x] - highest);
      total += weight;
      var more_weight = vec3<f32>();
      if (TALL) {
        more_weight = exp(more_scores[key_y * WINDOW + key_x] - more_highest);
        more_total += more_weight;
      }
      let v0 = quadBroadcast(own_value, 0u);
      y0 = add_outer(y0, weight, v0); z0 = add_more_outer(z0, more_weight, v0);
      if (VECTORS > 1u) { let v = quadBroadcast(own_value, 1u); y1 = add_outer(y1, weight, v); z1 = add_more_outer(z1, more_weight, v); }
      if (VECTORS > 2u) { let v = quadBroadcast(own_value, 2u); y2 = add_outer(y2, weight, v); z2 = add_more_outer(z2, more_weight, v); }
      if (VECTORS > 3u) { let v = quadBroadcast(own_value, 3u); y3 = add_outer(y3, weight, v); z3 = add_more_outer(z3, more_weight, v); }
      if (VECTORS > 4u) { let v = quadBroadcast(second_value, 0u); y4 = add_outer(y4, weight, v); z4 = add_more_outer(z4, more_weight, v); }
      if (VECTORS > 5u) { let v = quadBroadcast(second_value, 1u); y5 = add_outer(y5, weight, v); z5 = add_more_outer(z5, more_weight, v); }
      if (VECTORS > 6u) { let v = quadBroadcast(second_value, 2u); y6 = add_outer(y6, weight, v); z6 = add_more_outer(z6, more_weight, v); }
      if (VECTORS > 7u) { let v = quadBroadcast(second_value, 3u); y7 = add_outer(y7, weight, v); z7 = add_more_outer(z7, more_weight, v); }
    }
  }

  let row_lse = highest + log(total);
  let lse_at = pixel + (image * heads + head) * height * width;
  if (valid > 0u) {
    lse[lse_at.x] = row_lse.x;
  }
  if (valid > 1u) {
    lse[lse_at.y] = row_lse.y;
  }
  if (valid > 2u) {
    lse[lse_at.z] = row_lse.z;
  }
  if (valid > 3u) {
    lse[lse_at.w] = row_lse.w;
  }
  if (TALL) {
    let more_lse = more_highest + log(more_total);
    let more_lse_at = more_pixel + (image * heads + head) * height * width;
    if (valid > 4u) {
      lse[more_lse_at.x] = more_lse.x;
    }
    if (valid > 5u) {
      lse[more_lse_at.y] = more_lse.y;
    }
    if (valid > 6u) {
      lse[more_lse_at.z] = more_lse.z;
    }
  }

  // The sums move up one place per turn, so that the code that stores them exists once.
  let inverse = vec4<f32>(1.0) / total;
  let more_inverse = vec3<f32>(1.0) / more_total;
  let out_at = (pixel + first_pixel) * (heads * VECTORS) + head * VECTORS;
  let more_out_at = (more_pixel + first_pixel) * (heads * VECTORS) + head * VECTORS;
  for (var c = 0u; c < VECTORS; c++) {
    store(valid, out_at + c, more_out_at + c, scaled(y0, inverse), more_scaled(z0, more_inverse));
    y0 = y1; z0 = z1;
    if (VECTORS > 2u) { y1 = y2; z1 = z2; }
    if (VECTORS > 3u) { y2 = y3; z2 = z3; }
    if (VECTORS > 4u) { y3 = y4; z3 = z4; }
    if (VECTORS > 5u) { y4 = y5; z4 = z5; }
    if (VECTORS > 6u) { y5 = y6; z5 = z6; }
    if (VECTORS > 7u) { y6 = y7; z6 = z7; }
  }
}
