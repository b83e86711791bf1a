/** Hashes of texts, the same in Node and in browsers. */
import { kernelCode } from '../shaders.generated.js';

/** The first 64 bits of the SHA-256 of a text, as 16 hexadecimal digits. */
export async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Hash of the WGSL sources of some shaders and of the code that launches them: all of src/kernels, as the build has
 * hashed it. Coarse on purpose: a version for each family would have to be raised by hand, and a geometry that changed
 * without it would pass old winners off as measured. A user's build changes with the version only.
 * @param names of the shaders; their order is of no matter
 * @returns null when one of them is not there
 */
export async function hashOfShaders(names: readonly string[], sources: Readonly<Record<string, string>>, code = kernelCode): Promise<string | null> {
  const sorted = [...names].sort();
  if (sorted.some((name) => sources[name] === undefined)) return null;
  return hashOf(JSON.stringify([code, ...sorted.map((name) => [name, sources[name]])]));
}
