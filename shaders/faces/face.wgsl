// Draws one synthetic face without its background (alpha is coverage); develop.wgsl finishes the picture. Skin is painted in the coordinates of the face at rest (cm, x to the person's left,
// y up), so that brows, lips and wrinkles move with the skin; eyes and teeth in the coordinates of the skull.
// All colours are linear light; the target holds their square roots, so that 8 bits suffice and averaging the samples
// of a pixel looks right.

struct Face {
  background_top: vec4f,    // used by develop.wgsl
  background_bottom: vec4f, // used by develop.wgsl
  clip: mat4x4f,         // head space (cm) to clip space
  rotation: mat3x3f,     // head space directions to camera space
  light: vec4f,          // direction to the key light (camera space), offset into the skin's texture
  light_colour: vec4f,   // rgb, freckles
  sky: vec4f,            // light from above, shine of the skin
  ground: vec4f,         // light from below, density of stubble
  skin: vec4f,           // rgb, age 0..1
  lips: vec4f,           // rgb, height of the hairline relative to the canonical one
  hair: vec4f,           // rgb, 1 with hair, 0 bald
  iris: vec4f,           // rgb, radius in cm
  brow: vec4f,           // half thickness, density, arch, unused
  eye_right: vec4f,      // centre of the opening in head space, unused
  eye_left: vec4f,
  half_way: vec4f,       // between the key light and the camera, unused
  gaze: vec4f,           // shift of the irises (cm), height of the upper teeth's edge, angle of the jaw
  wrinkles: array<vec4f, 8>, // 16 strengths of the right side, 16 of the left; see wrinkles.ts
}

@group(0) @binding(0) var<uniform> face: Face;

struct VertexIn {
  @location(0) rest: vec4f,     // position at rest, material
  @location(1) paint: vec4f,    // lip depth, lid (+ upper, - lower), side of the eye, mottling of the skin 0..1
  @location(2) position: vec3f,
  @location(3) normal: vec3f,
}

struct SkinOut {
  @builtin(position) clip: vec4f,
  @location(0) rest: vec2f,
  @location(1) paint: vec4f,
  @location(2) normal: vec3f,   // head space
}

struct PartOut {
  @builtin(position) clip: vec4f,
  @location(0) head: vec3f,     // deformed position in head space
  @location(1) paint: vec2f,    // lid or lip (+ upper, - lower), side of the eye
  @location(2) normal: vec3f,
  @location(3) @interpolate(flat) material: u32,
}

const EYE = 1u;
const HAIR = 3u;
const BODY = 4u;

@vertex
fn skin_vertex(in: VertexIn) -> SkinOut {
  var out: SkinOut;
  out.clip = face.clip * vec4f(in.position, 1.0);
  out.rest = in.rest.xy;
  out.paint = in.paint;
  out.normal = in.normal;
  return out;
}

@vertex
fn part_vertex(in: VertexIn) -> PartOut {
  var out: PartOut;
  out.material = u32(in.rest.w + 0.5);
  out.head = in.position;
  out.paint = in.paint.yz;
  out.normal = in.normal;
  out.clip = face.clip * vec4f(in.position, 1.0);
  // Hair, ears and neck lie behind the face: pushed about 8 cm back, the round skull never cuts through it.
  out.clip.z += select(0.0, 0.08 * out.clip.w, out.material == HAIR || out.material == BODY);
  return out;
}

// A 32-bit integer hash (Jarzynski and Olano, "Hash functions for GPU rendering", 2020: PCG) to 0..1.
fn hash(x: i32, y: i32, seed: u32) -> f32 {
  var state = (u32(x) * 1664525u + u32(y) * 22695477u + seed) * 747796405u + 2891336453u;
  state = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return f32((state >> 22u) ^ ((state >> 8u) & 0x3ffu)) / 1023.0;
}

// Smooth noise, 0..1, one cell per unit.
fn noise(p: vec2f, seed: u32) -> f32 {
  let cell = vec2i(floor(p));
  let f = fract(p);
  let t = f * f * (3.0 - 2.0 * f);
  let low = mix(hash(cell.x, cell.y, seed), hash(cell.x + 1, cell.y, seed), t.x);
  let high = mix(hash(cell.x, cell.y + 1, seed), hash(cell.x + 1, cell.y + 1, seed), t.x);
  return mix(low, high, t.y);
}

// exp(-t/2) nearly, without the exponential: 0 from t = 8 on.
fn bell(t: f32) -> f32 {
  let a = max(0.0, 1.0 - 0.125 * t);
  return a * a * a * a;
}

fn blob(p: vec2f, centre: vec2f, radius: vec2f) -> f32 {
  let d = (p - centre) / radius;
  return bell(dot(d, d));
}

// 1 inside low..high, fading over `soft` on both sides.
fn window(x: f32, low: f32, high: f32, soft: f32) -> f32 {
  let t = clamp((0.5 * (high - low) + soft - abs(x - 0.5 * (low + high))) * (0.5 / soft), 0.0, 1.0);
  return t * t * (3.0 - 2.0 * t);
}

// What grooves do to the skin: x, y slope of the surface, z darkening.
// d: signed distance from the groove's line, across: direction of growing d, width: its half width.
fn groove(d: f32, across: vec2f, width: f32, strength: f32) -> vec3f {
  let t = d / width;
  let depth = strength * bell(t * t);
  return vec3f(across * (-0.62 * depth * t), depth);
}

fn diffuse_light(normal: vec3f, wrap: vec3f) -> vec3f {
  let facing = dot(normal, face.light.xyz);
  let lit = max((vec3f(facing) + wrap) / (1.0 + wrap), vec3f(0.0));
  return face.light_colour.rgb * lit;
}

fn ambient_light(normal: vec3f) -> vec3f {
  return mix(face.ground.rgb, face.sky.rgb, 0.5 + 0.5 * normal.y);
}

// A soft shoulder for highlights, and the target's encoding.
fn finish(colour: vec3f) -> vec4f {
  let soft = colour * (1.0 + 0.12 * colour) / (1.0 + 0.45 * colour * colour);
  return vec4f(sqrt(max(soft, vec3f(0.0))), 1.0);
}

@fragment
fn skin_main(in: SkinOut) -> @location(0) vec4f {
  let p = in.rest;
  let side = smoothstep(-0.9, 0.9, p.x);
  let mirror = select(-1.0, 1.0, p.x >= 0.0);
  let q = vec2f(abs(p.x), p.y);
  // Lines never get thinner than the image can show.
  let pixel = 0.5 * length(fwidth(p));
  let fine = max(0.09, 0.75 * pixel);
  let w0 = mix(face.wrinkles[0], face.wrinkles[4], side);
  let w1 = mix(face.wrinkles[1], face.wrinkles[5], side);
  let w2 = mix(face.wrinkles[2], face.wrinkles[6], side);
  let w3 = mix(face.wrinkles[3], face.wrinkles[7], side);
  let seed = u32(face.light.w);
  let age = face.skin.w;
  let texture_at = p + vec2f(face.light.w, 0.0);
  let mottle = in.paint.w;
  let fleck = noise(texture_at * 3.7, seed + 7u);

  // Grooves, each in the coordinates of the right half mirrored to x > 0.
  let wave = 0.22 * (mottle - 0.5);
  let forehead = w0.x * bell(q.x * q.x / 3.2) + w0.y * window(q.x, 2.6, 5.6, 0.9);
  // Three lines, 0.68 cm apart: the nearest one counts.
  let forehead_y = p.y - 6.63 - wave;
  let nearest_line = 0.68 * clamp(round(forehead_y / 0.68), -1.0, 1.0);
  var relief = groove(forehead_y - nearest_line, vec2f(0.0, 1.0), fine * 1.2, forehead);
  relief += groove(q.x - 0.5 - 0.1 * (p.y - 4.6), vec2f(1.0, 0.0), fine * 1.4, w0.z * window(p.y, 3.9, 5.5, 0.5));
  let corner = q - vec2f(4.35, 2.6);
  // Three rays, 0.4 apart in slope.
  let ray = 0.4 * clamp(round(corner.y / max(corner.x, 0.1) / 0.4), -1.0, 1.0);
  relief += groove((corner.y - ray * corner.x) * (1.0 - 0.2 * abs(ray)), vec2f(-ray, 1.0), fine, w0.w * window(corner.x, 0.7, 1.8, 0.3));
  let eye_x = q.x - 3.15;
  let lower_lid = window(q.x, 1.9, 4.5, 0.5);
  relief += groove(p.y - 1.62 - 0.1 * eye_x * eye_x, vec2f(0.0, 1.0), fine * 1.3, w1.x * lower_lid);
  relief += groove(p.y - 1.02 - 0.12 * eye_x * eye_x, vec2f(0.0, 1.0), fine * 1.3, 0.55 * w1.x * lower_lid);
  let bridge_y = p.y - 2.2 - 0.5 * (q.x - 0.8);
  let bridge_line = 0.55 * clamp(round(bridge_y / 0.55), -1.0, 1.0);
  relief += groove(bridge_y - bridge_line, vec2f(-0.4, 0.9), fine * 1.1, w1.y * window(q.x, 0.35, 1.5, 0.25));
  relief += groove(p.y - 3.3, vec2f(0.0, 1.0), fine * 1.3, max(w1.y, 0.5 * w0.z) * window(q.x, -1.0, 0.6, 0.25));
  let down = (-0.8 - p.y) / 3.6;
  let fold_x = 1.9 + 1.85 * down - 0.35 * down * down;
  relief += groove(0.85 * (q.x - fold_x), vec2f(0.85, 0.5), max(0.24, fine * 1.4), 0.85 * w1.z * window(down, 0.06, 0.82, 0.22));
  let dimple = q - vec2f(2.95, -4.3);
  relief += groove(dimple.x + 0.3 * dimple.y * dimple.y, vec2f(1.0, 0.0), max(0.2, fine * 1.5), 0.9 * w1.w * window(dimple.y, -0.4, 0.5, 0.4));
  relief += groove(q.x - 2.7 - 0.3 * (-4.5 - p.y), vec2f(1.0, 0.3), fine * 1.6, w2.y * window(p.y, -6.0, -4.6, 0.35));
  relief += groove(p.y + 6.15 + 0.1 * p.x * p.x, vec2f(0.0, 1.0), fine * 2.2, w2.w * window(q.x, -1.0, 1.5, 0.5));
  // AU 24: the skin bulges above and below the pressed lips.
  relief += groove(p.y + 2.75, vec2f(0.0, 1.0), 0.4, -0.5 * w3.y * window(q.x, -1.0, 2.0, 0.5));
  relief += groove(p.y + 5.9, vec2f(0.0, 1.0), 0.4, -0.5 * w3.y * window(q.x, -1.0, 1.6, 0.5));
  // AU 23: upright lines run across the lips and the skin next to them.
  let upright = 0.52 * (fract(q.x / 0.52) - 0.5);
  relief += groove(upright, vec2f(1.0, 0.0), fine, 0.45 * w2.x * window(p.y, -5.7, -3.0, 0.25) * window(q.x, -1.0, 1.9, 0.3));
  // AU 17: the chin pebbles like a peach stone.
  let chin = w2.z * blob(p, vec2f(0.0, -7.6), vec2f(1.15, 0.8));
  let pebble_scale = min(3.0, 0.5 / pixel);
  let pebble = noise(p * pebble_scale, 11u) - 0.5;
  relief += chin * vec3f(0.9 * (fleck - 0.5), 1.2 * pebble, 0.4 * max(0.0, pebble));

  let slope = vec2f(relief.x * mirror, relief.y);
  // Crossing lines on the midline must not tear: the slope in x fades there.
  let bent = normalize(normalize(in.normal) + vec3f(slope.x * smoothstep(0.0, 0.3, q.x), slope.y, 0.0));
  let normal = face.rotation * bent;

  // Pigment.
  var albedo = face.skin.rgb * (0.93 + 0.14 * mottle);
  albedo *= 1.0 - face.light_colour.w * smoothstep(0.62, 0.85, fleck) * 0.3 * (blob(q, vec2f(2.6, 0.2), vec2f(2.6, 1.5)));
  let blush = 0.8 * blob(q, vec2f(4.2, -0.6), vec2f(1.5, 1.2)) + 0.6 * blob(q, vec2f(0.0, -1.0), vec2f(0.9, 0.7));
  albedo *= mix(vec3f(1.0), vec3f(1.0, 0.82, 0.82), blush);
  albedo *= mix(vec3f(1.0), vec3f(0.86, 0.8, 0.82), (0.35 + 0.65 * age) * blob(q, vec2f(2.7, 1.7), vec2f(1.0, 0.4)));
  let jaw_line = -2.1 + 0.3 * max(0.0, q.x - 2.6) + 0.8 * (mottle - 0.5);
  let jaw = (1.0 - smoothstep(jaw_line - 1.1, jaw_line + 0.7, p.y)) * (0.7 + 0.3 * fleck);
  let lip_edge = 0.5 + 0.2 * w3.x + 0.2 * w3.y;
  let lip_soft = 0.07;
  let lip = smoothstep(lip_edge - lip_soft, lip_edge + lip_soft, in.paint.x);
  albedo = mix(albedo, mix(albedo, face.hair.rgb, 0.8), face.ground.w * jaw * (1.0 - lip));
  albedo = mix(albedo, face.lips.rgb * (0.9 + 0.2 * fleck), 0.9 * lip);
  // Brows: a band along a parabola, dense inside, tapering outwards.
  let t = (q.x - 1.15) / 4.5;
  let arch = 4.68 + 1.0 * t - 1.45 * t * t + face.brow.z * 4.0 * t * t * (1.0 - t);
  let thick = face.brow.x * (1.0 - 0.68 * t * t) + 0.25 * pixel;
  let brow_soft = max(0.12, 0.7 * pixel);
  let brow = (1.0 - smoothstep(thick - brow_soft, thick + brow_soft, abs(p.y - arch))) * window(t, 0.02, 0.97, 0.045)
    * face.brow.y * (0.82 + 0.25 * fleck);
  albedo = mix(albedo, face.hair.rgb * 0.8, clamp(brow, 0.0, 1.0));
  // Hairline.
  let hairline = 7.75 + face.lips.w - 0.035 * q.x * q.x + 0.7 * (mottle - 0.5) + 0.3 * (fleck - 0.5);
  let hairy = smoothstep(-0.25, 0.25, p.y - hairline) * face.hair.w;
  albedo = mix(albedo, face.hair.rgb * (0.7 + 0.6 * fleck), hairy);

  // Shadow that the light's direction does not change: sockets, nostrils, creases.
  var open = 1.0 - clamp(0.5 * relief.z, 0.0, 0.62);
  open *= 1.0 - 0.3 * blob(q, vec2f(1.75, 3.1), vec2f(0.7, 0.6)) - 0.14 * blob(q, vec2f(3.3, 3.3), vec2f(1.5, 0.45));
  open *= 1.0 - 0.2 * blob(q, vec2f(1.95, -1.2), vec2f(0.28, 0.55));
  open *= 1.0 - 0.22 * blob(q, vec2f(0.0, -2.45), vec2f(1.1, 0.35));
  open *= 1.0 - 0.2 * blob(q, vec2f(0.0, -5.95), vec2f(1.2, 0.32));
  open *= 1.0 - 0.45 * blob(q, vec2f(2.45, -4.3), vec2f(0.24, 0.2)) - 0.3 * min(1.0, w1.w) * blob(q, vec2f(2.95, -4.3), vec2f(0.3, 0.4));
  open *= 1.0 - 0.8 * blob(q, vec2f(0.7, -1.66), vec2f(0.34, max(0.15, 0.6 * pixel)));
  // Lids: the crease above, tightened folds, lashes.
  let crease = (in.paint.y - 0.52) / 0.14;
  open *= 1.0 - 0.38 * bell(crease * crease);
  let pouch = (in.paint.y + 0.52) / 0.2;
  open *= 1.0 - (0.08 + 0.3 * min(1.0, w3.z)) * bell(pouch * pouch);
  let lash = 0.85 * smoothstep(0.72, 0.97, in.paint.y) + 0.35 * smoothstep(0.8, 1.0, -in.paint.y);
  // The line between the lips, harder when they are pressed.
  let seam = smoothstep(0.99 - 0.16 - 0.12 * max(w3.x, w3.y), 1.0, in.paint.x);
  open *= (1.0 - lash) * (1.0 - 0.75 * seam);

  let wrap = vec3f(0.38, 0.24, 0.18) * (1.0 - 0.6 * hairy);
  // Blinn and Phong with exponent 24, by multiplication.
  let facing = max(dot(normal, face.half_way.xyz), 0.0);
  let facing4 = facing * facing * facing * facing;
  let gleam = facing4 * facing4;
  let gloss = face.sky.w * (0.5 + 0.5 * lip) + 0.35 * lip;
  let highlight = 0.16 * gloss * gleam * gleam * gleam * open;
  // Side light is not cast through the head: darker towards its edge.
  let colour = albedo * (diffuse_light(normal, wrap) * mix(open, 1.0, 0.25) + ambient_light(normal) * open)
    + face.light_colour.rgb * highlight;
  return finish(colour);
}

fn eye_colour(in: PartOut) -> vec3f {
  let centre = select(face.eye_right.xyz, face.eye_left.xyz, in.paint.y > 0.0);
  let from_centre = in.head.xy - centre.xy;
  let pixel = max(fwidth(in.head.x), 0.02);
  let ball = vec3f(from_centre / 1.35, 0.0);
  let bent = vec3f(ball.xy, sqrt(max(0.1, 1.0 - dot(ball.xy, ball.xy))));
  let normal = face.rotation * bent;
  let from_iris = from_centre - face.gaze.xy;
  let r = length(from_iris);
  let radius = face.iris.w;
  let soft = 0.6 * pixel;
  let inside = 1.0 - smoothstep(radius - soft, radius + soft, r);
  let limbus = smoothstep(0.6 * radius, radius, r);
  var albedo = mix(vec3f(0.58, 0.55, 0.53), vec3f(0.48, 0.33, 0.3), smoothstep(0.75, 1.35, abs(from_centre.x)));
  albedo = mix(albedo, face.iris.rgb * (1.3 - 0.9 * limbus), inside);
  albedo = mix(albedo, vec3f(0.006), 1.0 - smoothstep(0.24 - soft, 0.24 + soft, r));
  // The upper lid and its lashes shade the ball.
  let shade = 1.0 - 0.6 * smoothstep(0.1, 1.0, in.paint.x) - 0.2 * smoothstep(0.6, 1.0, -in.paint.x);
  let light = diffuse_light(normal, vec3f(0.3)) + ambient_light(normal);
  let glint_at = face.gaze.xy + 0.3 * face.light.xy;
  let glint = blob(from_centre, glint_at, vec2f(max(0.1, 0.4 * pixel)));
  return albedo * light * shade + face.light_colour.rgb * 0.7 * glint * shade;
}

fn mouth_colour(in: PartOut) -> vec3f {
  let soft = max(0.05, fwidth(in.head.y));
  let x = in.head.x;
  let upper_edge = face.gaze.z + 0.02 * x * x;
  let lower_edge = face.gaze.z - 0.12 + 0.03 * x * x - 9.0 * face.gaze.w;
  let upper = smoothstep(upper_edge - soft, upper_edge + soft, in.head.y);
  let lower = 1.0 - smoothstep(lower_edge - soft, lower_edge + soft, in.head.y);
  let tooth = abs(fract(x / 0.72 + 0.5) - 0.5) * 2.0;
  let gap = 1.0 - 0.12 * smoothstep(0.75, 1.0, tooth);
  let fall = 1.0 - smoothstep(1.0, 2.1, abs(x));
  let teeth = vec3f(0.62, 0.58, 0.5) * gap * (0.25 + 0.75 * fall) * (upper + 0.55 * lower);
  let tongue = vec3f(0.16, 0.035, 0.035) * blob(in.head.xy, vec2f(0.0, lower_edge + 0.1), vec2f(1.0, 0.5));
  // Inside it is dark next to the upper lip and towards the corners.
  let light = diffuse_light(face.rotation * vec3f(0.0, 0.0, 1.0), vec3f(0.2)) + face.sky.rgb;
  return (teeth + tongue * (1.0 - upper) + vec3f(0.016, 0.005, 0.005)) * light * (0.85 - 0.35 * smoothstep(0.2, 1.0, in.paint.x));
}

@fragment
fn feature_main(in: PartOut) -> @location(0) vec4f {
  let eye = eye_colour(in);
  let mouth = mouth_colour(in);
  return finish(select(mouth, eye, in.material == EYE));
}

@fragment
fn scene_main(in: PartOut) -> @location(0) vec4f {
  let normal = face.rotation * normalize(in.normal + vec3f(0.0, 0.0, 1e-4));
  let light = diffuse_light(normal, vec3f(0.25)) + ambient_light(normal);
  let strand = noise(vec2f(in.head.x * 2.6, in.head.y * 0.5 + in.head.z * 0.5), 5u);
  // Without hair the skull shows skin. The head's shadow lies on the neck.
  let hair = mix(face.skin.rgb * 0.95, face.hair.rgb * (0.45 + 0.9 * strand), face.hair.w);
  let body = face.skin.rgb * mix(0.35, 0.85, smoothstep(4.0, 8.0, abs(in.head.x)));
  return finish(select(body, hair, in.material == HAIR) * light);
}
