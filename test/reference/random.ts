/** Philox4x32-10 (Salmon et al. 2011) with 64-bit products in BigInt, independent of the 16-bit halves of the shader. */

const MASK = 0xffffffffn;

/** One block of four 32-bit words. */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt);
  let [k0, k1] = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const product0 = 0xd2511f53n * c0;
    const product1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(product1 >> 32n) ^ c1 ^ k0, product1 & MASK, (product0 >> 32n) ^ c3 ^ k1, product0 & MASK];
    k0 = (k0 + 0x9e3779b9n) & MASK;
    k1 = (k1 + 0xbb67ae85n) & MASK;
  }
  return [c0, c1, c2, c3].map(Number);
}

/** The four uniforms in [0, 1) of a block, 24 bits each. */
export function uniforms(counter: readonly number[], key: readonly number[]): number[] {
  return philox(counter, key).map((word) => (word >>> 8) / 2 ** 24);
}
