/** What libraries made for browsers look for, in Node: `navigator` with the GPU that the benchmark uses. */

/** @param gpu whose adapters the libraries take; made with the same Dawn toggles as Zygo's */
export function provideNavigator(gpu: GPU): void {
  // jax-js reads the user agent and looks for phones and Firefox in it. Node 20 has no navigator; later ones have one without a gpu.
  const value = { gpu, userAgent: `Node.js/${process.versions.node}`, hardwareConcurrency: globalThis.navigator?.hardwareConcurrency ?? 1 };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true, writable: true });
}
