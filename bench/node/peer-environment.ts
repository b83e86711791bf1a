/** What libraries made for browsers look for, in Node: `navigator` with the GPU that the benchmark uses, and iterator helpers. */

/** Methods of every iterator: they came with Node 22, jax-js's `einsum` needs two of them, and all browsers have them. */
interface IteratorHelpers {
  map?<T, R>(this: Iterable<T>, change: (value: T, at: number) => R): Iterable<R>;
  filter?<T>(this: Iterable<T>, keep: (value: T, at: number) => boolean): Iterable<T>;
}

/** Adds those that are missing, as generators; nothing is changed where there are some. */
function provideIteratorHelpers(): void {
  const arrayIterators: unknown = Object.getPrototypeOf([][Symbol.iterator]());
  const helpers = Object.getPrototypeOf(arrayIterators) as IteratorHelpers;
  helpers.map ??= function* (change) {
    let at = 0;
    for (const value of this) yield change(value, at++);
  };
  helpers.filter ??= function* (keep) {
    let at = 0;
    for (const value of this) if (keep(value, at++)) yield value;
  };
}

/** @param gpu whose adapters the libraries take; made with the same Dawn toggles as Zygo's */
export function provideNavigator(gpu: GPU): void {
  // jax-js reads the user agent and looks for phones and Firefox in it. Node 20 has no navigator; later ones have one without a gpu.
  const value = { gpu, userAgent: `Node.js/${process.versions.node}`, hardwareConcurrency: globalThis.navigator?.hardwareConcurrency ?? 1 };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true, writable: true });
  provideIteratorHelpers();
}
