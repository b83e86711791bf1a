/** Packs what the shader needs to know about one face (struct Face of shaders/faces/face.wgsl). */
import type { Camera } from './camera.js';
import type { Frame } from './frame.js';
import type { Identity } from './identity.js';
import { LIP_RINGS, RIGHT_EYE_LOWER, RIGHT_EYE_UPPER, mirrored, type FaceTopology } from './mesh-topology.js';
import { WRINKLE_COUNT, wrinkleStrengths } from './wrinkles.js';

/** Floats of the struct: 2 vectors, mat4, mat3 (padded columns), 13 vectors, 32 wrinkle strengths. */
export const PARAM_FLOATS = 2 * 4 + 16 + 12 + 13 * 4 + 2 * WRINKLE_COUNT;

const IRIS_RADIUS = 0.6;
/** Edge of the upper teeth below the line between the lips at rest, cm. */
const TEETH_BELOW_LINE = 0.05;

/** Mean of the vertices `list` of a shape [468, 3]. */
function centreOf(shape: Float32Array, list: readonly number[]): [number, number, number] {
  const mean = (k: number): number => list.reduce((sum, vertex) => sum + shape[3 * vertex + k], 0) / list.length;
  return [mean(0), mean(1), mean(2)];
}

/** Unit vector between the key light and the camera, in which a mirror would show the light. */
function halfWay([x, y, z]: readonly [number, number, number]): number[] {
  const length = Math.hypot(x, y, z + 1);
  return [x / length, y / length, (z + 1) / length];
}

/**
 * @param rest [468, 3] the identity's face at rest, cm.
 * @param jawAngle radians.
 * @param target receives PARAM_FLOATS values at `offset`.
 */
export function packFace(
  topology: FaceTopology,
  identity: Identity,
  frame: Frame,
  camera: Camera,
  rest: Float32Array,
  jawAngle: number,
  target: Float32Array,
  offset: number,
): void {
  target.set([...frame.backgroundTop, frame.noise, ...frame.backgroundBottom], offset);
  // The seed is an integer in the bits of a float: keep its exponent small so that it is never a NaN.
  new Uint32Array(target.buffer, target.byteOffset + 4 * (offset + 7), 1)[0] = frame.noiseSeed & 0x3fffffff;
  target.set(camera.clip, offset + 8);
  for (let column = 0; column < 3; column++) {
    for (let row = 0; row < 3; row++) target[offset + 24 + 4 * column + row] = camera.rotation[3 * column + row];
  }
  const eye = [...RIGHT_EYE_UPPER, ...RIGHT_EYE_LOWER];
  const middle = LIP_RINGS[LIP_RINGS.length - 1].upper[5];
  const vectors: (readonly number[])[] = [
    [...frame.lightDirection, identity.texture],
    [...frame.lightColour, identity.freckles],
    [...frame.sky, identity.shine],
    [...frame.ground, identity.stubble],
    [...identity.skin, identity.age],
    [...identity.lips, identity.hairline],
    [...identity.hair, identity.hairStyle === 0 ? 0 : 1],
    [...identity.iris, IRIS_RADIUS * identity.shape.eyeSize],
    [identity.brow.thickness, identity.brow.density, identity.brow.arch, 0],
    [...centreOf(rest, eye), 0],
    [...centreOf(rest, mirrored(topology, eye)), 0],
    [...halfWay(frame.lightDirection), 0],
    [...frame.gaze, rest[3 * middle + 1] - TEETH_BELOW_LINE, jawAngle],
  ];
  vectors.forEach((vector, i) => target.set(vector, offset + 36 + 4 * i));
  const wrinkles = offset + 36 + 4 * vectors.length;
  wrinkleStrengths(frame.intensities.right, identity.age, target, wrinkles);
  wrinkleStrengths(frame.intensities.left, identity.age, target, wrinkles + WRINKLE_COUNT);
}
