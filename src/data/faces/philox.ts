/**
 * Philox4x32-10, a counter-based random number generator (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011): a pure function from (key, counter) to 128 random bits, the same on every machine.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle % 0x10000) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/**
 * One Philox4x32-10 block.
 * @param counter four unsigned 32-bit words.
 * @param key two unsigned 32-bit words.
 * @returns four unsigned 32-bit words.
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * The random numbers of one thing (an identity, a frame): fully given by seed, stream and index, whatever was
 * drawn before for other things.
 */
export class RandomStream {
  private block = 0;
  private words: readonly number[] = [];
  private spareNormal: number | undefined;

  /**
   * @param seed seed of the data set, a non-negative integer (53 bits are used).
   * @param stream what the numbers are for; different streams are independent.
   * @param index number of the thing within the stream, a non-negative integer.
   */
  constructor(
    private readonly seed: number,
    private readonly stream: number,
    private readonly index: number,
  ) {}

  /** 32 random bits. */
  bits(): number {
    const word = this.block % 4;
    if (word === 0) {
      this.words = philox4x32(
        [this.block / 4, this.stream >>> 0, this.index >>> 0, Math.floor(this.index / 2 ** 32)],
        [this.seed >>> 0, Math.floor(this.seed / 2 ** 32)],
      );
    }
    this.block++;
    return this.words[word];
  }

  /** Uniform in the open interval from `low` to `high` (0 to 1 by default). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * ((this.bits() + 0.5) / 2 ** 32);
  }

  /** Standard normal (Box and Muller 1958), two uniforms for two normals. */
  normal(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Normal with mean 0 and the given standard deviation, cut at ± 2 standard deviations by drawing again. */
  spread(standardDeviation: number): number {
    for (;;) {
      const value = this.normal();
      if (Math.abs(value) <= 2) return value * standardDeviation;
    }
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }
}
