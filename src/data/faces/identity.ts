/** Who a synthetic person is: shape, colours and age, drawn once per identity number. */
import { RandomStream } from './philox.js';

/** Philox stream of identities; frames use another one (frame.ts). */
const IDENTITY_STREAM = 0x1d;

/** Identities do not depend on the data set's seed: number 7 is the same person everywhere. */
const IDENTITY_SEED = 0x5a79676f;

/** Linear-light RGB, 0 to 1. */
export type Rgb = readonly [number, number, number];

/** Lengths in centimetres relative to the canonical face; factors are 1 at the canonical face. */
export interface IdentityShape {
  readonly width: number;
  readonly length: number;
  /** Widening of the lower face (jaw) and of the forehead, as shares of the width there. */
  readonly jawWidth: number;
  readonly foreheadWidth: number;
  readonly chinLength: number;
  readonly chinForward: number;
  readonly cheekbones: number;
  readonly cheekFullness: number;
  readonly noseWidth: number;
  readonly noseLength: number;
  readonly noseForward: number;
  readonly noseBridge: number;
  readonly noseTipUp: number;
  readonly eyeSpacing: number;
  readonly eyeSize: number;
  readonly eyeOpening: number;
  readonly eyeTilt: number;
  readonly browHeight: number;
  readonly browTilt: number;
  readonly browRidge: number;
  readonly mouthWidth: number;
  readonly mouthHeight: number;
  readonly upperLip: number;
  readonly lowerLip: number;
}

/** Everything that stays the same between the frames of one person. */
export interface Identity {
  readonly number: number;
  readonly shape: IdentityShape;
  readonly skin: Rgb;
  readonly lips: Rgb;
  readonly hair: Rgb;
  readonly iris: Rgb;
  /** 0 (child-smooth) to 1 (old): permanent lines and how deep moving ones get. */
  readonly age: number;
  /** Half thickness of the brows in cm, density 0 to 1, arch in cm. */
  readonly brow: { readonly thickness: number; readonly density: number; readonly arch: number };
  readonly freckles: number;
  /** 0 matt to 1 shiny. */
  readonly shine: number;
  /** Density of beard stubble, 0 to 1. */
  readonly stubble: number;
  /** Hair: 0 bald, 1 short, 2 long; and the height of the hairline above the canonical one, cm. */
  readonly hairStyle: 0 | 1 | 2;
  readonly hairline: number;
  /** Offset into the skin's noise texture. */
  readonly texture: number;
}

/**
 * Skin colour by absorption: a light base seen through melanin and blood (Beer and Lambert); the coefficients are
 * chosen so that the range covers very light to very dark skin.
 */
function skinColour(melanin: number, blood: number): [number, number, number] {
  const base = [0.8, 0.66, 0.56];
  const melaninAbsorption = [0.78, 1.02, 1.22];
  const bloodAbsorption = [0.06, 0.3, 0.3];
  return base.map((light, k) => light * Math.exp(-melanin * melaninAbsorption[k] - blood * bloodAbsorption[k])) as [
    number,
    number,
    number,
  ];
}

function mix(a: Rgb, b: Rgb, t: number): [number, number, number] {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

function drawShape(random: RandomStream): IdentityShape {
  return {
    width: 1 + random.spread(0.045),
    length: 1 + random.spread(0.035),
    jawWidth: random.spread(0.06),
    foreheadWidth: random.spread(0.03),
    chinLength: random.spread(0.35),
    chinForward: random.spread(0.25),
    cheekbones: random.spread(0.2),
    cheekFullness: random.spread(0.3),
    noseWidth: random.spread(0.19),
    noseLength: random.spread(0.28),
    noseForward: random.spread(0.35),
    noseBridge: random.spread(0.22),
    noseTipUp: random.spread(0.18),
    eyeSpacing: -0.22 + random.spread(0.14),
    eyeSize: 1.12 + random.spread(0.07),
    eyeOpening: 0.98 + random.spread(0.11),
    eyeTilt: random.spread(0.1),
    browHeight: random.spread(0.17),
    browTilt: random.spread(0.14),
    browRidge: random.spread(0.14),
    mouthWidth: random.spread(0.2),
    mouthHeight: random.spread(0.2),
    upperLip: 1 + random.spread(0.2),
    lowerLip: 1 + random.spread(0.17),
  };
}

/**
 * The person with the given number.
 * @param number non-negative integer.
 */
export function makeIdentity(number: number): Identity {
  const random = new RandomStream(IDENTITY_SEED, IDENTITY_STREAM, number);
  const shape = drawShape(random);
  const melanin = 2.5 * random.uniform() ** 1.3;
  const blood = random.uniform(0.3, 1.1);
  const skin = skinColour(melanin, blood);
  const age = random.uniform() ** 1.3;
  const fair = Math.max(0, 1 - melanin / 0.9);
  // Brown eyes and dark hair are the rule except on fair skin.
  const hairDark: Rgb = mix([0.012, 0.009, 0.008], [0.06, 0.03, 0.015], random.uniform());
  const hairFair: Rgb = mix([0.2, 0.075, 0.025], [0.42, 0.27, 0.11], random.uniform());
  const grey = age > 0.6 ? random.uniform(0, (age - 0.6) / 0.4) : 0;
  const hair = mix(mix(hairDark, hairFair, random.chance(0.65 * fair) ? random.uniform(0.4, 1) : 0), [0.38, 0.38, 0.37], grey);
  const blue = mix([0.1, 0.2, 0.32], [0.12, 0.2, 0.1], random.uniform());
  const brown = mix([0.035, 0.013, 0.006], [0.14, 0.06, 0.02], random.uniform());
  const iris = random.chance(0.7 * fair) ? blue : brown;
  const rosy = random.uniform(0.4, 1);
  const lips: Rgb = [skin[0] * (0.86 - 0.04 * rosy), skin[1] * (0.62 - 0.18 * rosy), skin[2] * (0.68 - 0.16 * rosy)];
  const bearded = random.chance(0.22);
  const style = random.uniform();
  return {
    number,
    shape,
    skin,
    lips,
    hair,
    iris,
    age,
    brow: { thickness: random.uniform(0.26, 0.5), density: random.uniform(0.7, 0.98), arch: random.uniform(0.0, 0.35) },
    freckles: random.chance(0.3 + 0.3 * fair) ? random.uniform(0.2, 0.8) : 0,
    shine: random.uniform(0.15, 0.8),
    stubble: bearded ? random.uniform(0.3, 0.75) : 0,
    hairStyle: style < 0.1 ? 0 : style < 0.6 || bearded ? 1 : 2,
    hairline: random.uniform(-0.6, 0.5) + (age > 0.6 ? random.uniform(0, 0.8) : 0),
    texture: random.uniform(0, 1000),
  };
}
