/** The camera that frames a posed head as an aligned face crop does. */
import { mat3, mat4, vec3, vec4 } from 'gl-matrix';
import { MESH_VERTEX_COUNT } from './canonical-mesh.js';
import type { Frame } from './frame.js';

/** Distance from the camera to the head's origin, cm: a portrait at arm's length. */
const DISTANCE = 70;
/** Distance of the clip planes from the camera, cm. */
const NEAR = 30;
const FAR = 120;
/** A face wider than this share of its height is framed by its width. */
const WIDTH_SHARE = 1.02;

/** Matrices of one picture. */
export interface Camera {
  /** Head space (cm) to clip space (WebGPU: depth 0 to 1). */
  readonly clip: mat4;
  /** Head space directions to camera space. */
  readonly rotation: mat3;
}

/**
 * Turns the head as `frame` says and frames the person's face at rest, so that AUs do not move the frame.
 * @param rest [468, 3] the identity's face at rest, cm.
 */
export function makeCamera(rest: Float32Array, frame: Frame): Camera {
  const pose = mat4.create();
  mat4.rotateZ(pose, pose, frame.roll);
  mat4.rotateX(pose, pose, frame.pitch);
  mat4.rotateY(pose, pose, frame.yaw);
  const rotation = mat3.fromMat4(mat3.create(), pose);
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  const point = vec3.create();
  for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
    vec3.set(point, rest[3 * v], rest[3 * v + 1], rest[3 * v + 2]);
    vec3.transformMat3(point, point, rotation);
    const x = point[0] / (DISTANCE - point[2]);
    const y = point[1] / (DISTANCE - point[2]);
    left = Math.min(left, x);
    right = Math.max(right, x);
    bottom = Math.min(bottom, y);
    top = Math.max(top, y);
  }
  const half = (0.5 * Math.max(top - bottom, (right - left) * WIDTH_SHARE)) / frame.fill;
  const view = mat4.fromTranslation(mat4.create(), [0, 0, -DISTANCE]);
  mat4.multiply(view, view, pose);
  const clip = mat4.perspectiveZO(mat4.create(), 2 * Math.atan(half), 1, NEAR, FAR);
  // The centre of the face goes to the centre of the image, then the frame's own shift.
  const shift: vec3 = [
    -(0.5 * (left + right)) / half + 2 * frame.shift[0],
    -(0.5 * (bottom + top)) / half + 2 * frame.shift[1],
    0,
  ];
  mat4.multiply(clip, mat4.fromTranslation(mat4.create(), shift), clip);
  mat4.multiply(clip, clip, view);
  return { clip, rotation };
}

/**
 * Pixel coordinates of a point of the head (x to the right, y down, pixel centres at +0.5).
 * @param position x, y, z in head space, cm.
 */
export function projectToPixels(camera: Camera, position: ArrayLike<number>, imageSize: number): [number, number] {
  const clip = vec4.transformMat4(vec4.create(), [position[0], position[1], position[2], 1], camera.clip);
  return [(0.5 + (0.5 * clip[0]) / clip[3]) * imageSize, (0.5 - (0.5 * clip[1]) / clip[3]) * imageSize];
}
