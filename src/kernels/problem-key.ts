/**
 * Keys of problems: what decides which variant of a kernel is fastest, short enough to read in a table and in a file.
 * "m64 n128 k96 b1 tB bias": sizes as a name and a whole number, then flags that hold, in a fixed order.
 */

/** A key, taken apart. */
export interface ProblemKey {
  /** @throws {RangeError} for a size that the key lacks */
  size(name: string): number;
  has(flag: string): boolean;
}

/**
 * Writes a key.
 * @param sizes whole numbers from 0 by name; names are letters
 * @param flags true ones are written; names are letters
 */
export function problemKey(sizes: Readonly<Record<string, number>>, flags: Readonly<Record<string, boolean>> = {}): string {
  const named = Object.entries(sizes).map(([name, size]) => `${name}${size}`);
  return [...named, ...Object.keys(flags).filter((flag) => flags[flag])].join(' ');
}

/**
 * Reads a key that `problemKey` wrote; parts of another form are passed over.
 * @throws {RangeError} from `size`, for a size that the key lacks
 */
export function readProblemKey(key: string): ProblemKey {
  const sizes = new Map<string, number>();
  const flags = new Set<string>();
  for (const part of key.split(' ')) {
    const [, name, digits] = /^([A-Za-z]+)(\d*)$/.exec(part) ?? [];
    if (name === undefined) continue;
    if (digits === '') flags.add(name);
    else sizes.set(name, Number(digits));
  }
  return {
    size(name) {
      const size = sizes.get(name);
      if (size === undefined) throw new RangeError(`The problem "${key}" has no size ${name}.`);
      return size;
    },
    has: (flag) => flags.has(flag),
  };
}
