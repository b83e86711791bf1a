/** What changes from frame to frame: pose, camera, light, background, gaze and the AUs. */
import { KNOWN_AUS, type ActionUnit } from '../action-units.js';
import { DEFORMER_COUNT, noMovement, type SidedIntensities } from './au-deformers.js';
import type { IntensitySampler } from './au-statistics.js';
import type { Rgb } from './identity.js';
import { RandomStream } from './philox.js';

const FRAME_STREAM = 0xf7;
const SESSION_STREAM = 0x5e;
/** Seed of the sessions: a person is recorded in the same place under every seed. */
const SESSION_SEED = 1;
const DEGREE = Math.PI / 180;

/** One picture of a person. Angles in radians. */
export interface Frame {
  /** Turn to the person's left (yaw), nod down (pitch), tilt to the image's left (roll). */
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
  /** Share of the image's height that the face fills. */
  readonly fill: number;
  /** Shift of the face as a share of the image, x to the right and y up. */
  readonly shift: readonly [number, number];
  /** Direction towards the key light in camera space (unit length), its colour, and the light from above and below. */
  readonly lightDirection: readonly [number, number, number];
  readonly lightColour: Rgb;
  readonly sky: Rgb;
  readonly ground: Rgb;
  /** Background colours at the top and the bottom of the image, linear light. */
  readonly backgroundTop: Rgb;
  readonly backgroundBottom: Rgb;
  /** Shift of the irises, cm. */
  readonly gaze: readonly [number, number];
  /** Standard deviation of the sensor noise, and its seed. */
  readonly noise: number;
  readonly noiseSeed: number;
  readonly intensities: SidedIntensities;
}

/** A frontal picture in even light without noise or movement, for contact sheets and tests. */
export function plainFrame(): Frame {
  return {
    yaw: 0,
    pitch: 0,
    roll: 0,
    fill: 0.95,
    shift: [0, 0],
    lightDirection: normalise([-0.35, 0.55, 0.76]),
    lightColour: [0.95, 0.93, 0.9],
    sky: [0.42, 0.43, 0.45],
    ground: [0.24, 0.22, 0.21],
    backgroundTop: [0.3, 0.34, 0.38],
    backgroundBottom: [0.2, 0.22, 0.25],
    gaze: [0, 0],
    noise: 0,
    noiseSeed: 0,
    intensities: noMovement(),
  };
}

function normalise([x, y, z]: readonly [number, number, number]): [number, number, number] {
  const length = Math.hypot(x, y, z);
  return [x / length, y / length, z / length];
}

function randomColour(random: RandomStream, low: number, high: number): [number, number, number] {
  const grey = random.uniform(low, high);
  return [grey * random.uniform(0.6, 1.4), grey * random.uniform(0.7, 1.3), grey * random.uniform(0.6, 1.4)];
}

/** Chance that an AU acts unevenly, and that it acts on one side only; AU 14 is the one that often does. */
function unevenness(au: ActionUnit): { uneven: number; oneSided: number } {
  if (au === 14) return { uneven: 0.5, oneSided: 0.25 };
  // Jaw and chin move as a whole.
  if (au === 26 || au === 17) return { uneven: 0, oneSided: 0 };
  return { uneven: 0.3, oneSided: au === 12 || au === 10 || au === 2 ? 0.04 : 0 };
}

/** Splits intensities into two sides; the stronger side keeps the drawn intensity. */
function drawSides(random: RandomStream, actionUnits: readonly ActionUnit[], drawn: Float64Array): SidedIntensities {
  const sides = { right: new Float32Array(DEFORMER_COUNT), left: new Float32Array(DEFORMER_COUNT) };
  actionUnits.forEach((au, i) => {
    const { uneven, oneSided } = unevenness(au);
    const pick = random.uniform();
    const weaker = pick < oneSided ? 0 : pick < oneSided + uneven ? random.uniform(0.5, 0.95) : 1;
    const rightStrong = random.chance(0.5);
    const index = KNOWN_AUS.indexOf(au);
    sides.right[index] = drawn[i] * (rightStrong ? 1 : weaker);
    sides.left[index] = drawn[i] * (rightStrong ? weaker : 1);
  });
  return sides;
}

/**
 * Where a person was recorded: light, background and camera noise. As in BP4D and DISFA all frames of a person share
 * them, so that between two frames of one person the face moves and little else changes.
 */
interface Session {
  readonly key: number;
  readonly warmth: number;
  readonly ambient: number;
  /** Where the key light stands: to the side, and up. */
  readonly side: number;
  readonly up: number;
  readonly front: number;
  readonly top: [number, number, number];
  /** Brightness of the background's bottom as a multiple of its top's. */
  readonly fall: number;
  readonly noise: number;
}

function makeSession(identity: number): Session {
  const random = new RandomStream(SESSION_SEED, SESSION_STREAM, identity);
  return {
    key: random.uniform(0.45, 1.1),
    warmth: random.spread(0.06),
    ambient: random.uniform(0.28, 0.55),
    side: random.spread(0.45),
    up: random.uniform(0.1, 0.8),
    front: random.uniform(0.6, 1),
    top: randomColour(random, 0.02, 0.6),
    fall: random.uniform(0.5, 1.1),
    noise: random.uniform(0.001, 0.01),
  };
}

/**
 * Frame `index` of the data set `seed`, whatever else is drawn.
 * @param sampler draws the AUs.
 * @param identity number of the person, who is recorded in one session.
 */
export function makeFrame(seed: number, index: number, sampler: IntensitySampler, identity: number): Frame {
  const random = new RandomStream(seed, FRAME_STREAM, index);
  const intensities = drawSides(random, sampler.actionUnits, sampler.draw(random));
  const { key: sessionKey, warmth, ambient: sessionAmbient, side, up, front, top, fall, noise } = makeSession(identity);
  // Small drifts within a session: exposure, and where the person sits under the light.
  const exposure = 1 + random.spread(0.03);
  const key = sessionKey * exposure;
  const ambient = sessionAmbient * exposure;
  return {
    yaw: random.spread(8 * DEGREE),
    pitch: random.spread(5 * DEGREE),
    roll: random.spread(2.5 * DEGREE),
    fill: 0.95 + random.spread(0.025),
    shift: [random.spread(0.012), random.spread(0.012)],
    lightDirection: normalise([side + random.spread(0.05), up + random.spread(0.05), front]),
    lightColour: [key * (1 + warmth), key, key * (1 - 1.3 * warmth)],
    sky: [ambient * 0.97, ambient, ambient * 1.04],
    ground: [ambient * 0.58, ambient * 0.53, ambient * 0.5],
    backgroundTop: top,
    backgroundBottom: [top[0] * fall, top[1] * fall, top[2] * fall],
    gaze: [random.spread(0.14), random.spread(0.05)],
    noise,
    noiseSeed: random.bits(),
    intensities,
  };
}
