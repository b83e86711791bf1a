import { KernelError } from './errors.js';

/** Values for a kernel's top-level `const` declarations and `alias` types. */
export type Constants = Readonly<Record<string, number | boolean | string>>;

const CONST = /^const\s+([A-Za-z_]\w*)\s*(?::\s*(\w+))?\s*=\s*([^;]+);/gm;
const ALIAS = /^alias\s+([A-Za-z_]\w*)\s*=\s*([^;]+);/gm;

function literal(kernel: string, name: string, type: string | undefined, value: number | boolean): string {
  if (type === 'bool' || typeof value === 'boolean') {
    if (typeof value !== 'boolean' || (type !== undefined && type !== 'bool')) {
      throw new KernelError(kernel, `constant ${name} has type ${type ?? 'number'}, given ${String(value)}.`);
    }
    return String(value);
  }
  if (type === 'f32') return `f32(${value})`;
  if (!Number.isInteger(value) || (type === 'u32' && value < 0)) {
    throw new KernelError(kernel, `constant ${name} has type ${type ?? 'integer'}, given ${value}.`);
  }
  return type === 'u32' ? `${value}u` : type === 'i32' ? `${value}i` : String(value);
}

/**
 * Replaces the values of top-level `const` and `alias` declarations in a WGSL source, and nothing else:
 * the file on disk is a complete program, and its specialised form differs only in these values.
 * @throws {KernelError} for a name that the file does not declare or a value of another type.
 */
export function specialize(kernel: string, source: string, constants: Constants = {}): string {
  const left = new Set(Object.keys(constants));
  if (left.size === 0) return source;
  const replaced = source
    .replace(CONST, (line, name: string, type: string | undefined) => {
      if (!left.delete(name)) return line;
      const value = constants[name];
      if (typeof value === 'string') throw new KernelError(kernel, `constant ${name} must be a number or boolean, given "${value}".`);
      return `const ${name}${type ? `: ${type}` : ''} = ${literal(kernel, name, type, value)};`;
    })
    .replace(ALIAS, (line, name: string) => (left.delete(name) ? `alias ${name} = ${String(constants[name])};` : line));
  if (left.size > 0) {
    const declared = [...source.matchAll(CONST), ...source.matchAll(ALIAS)].map((match) => match[1]);
    throw new KernelError(kernel, `declares no constant ${[...left].join(', ')}; it has ${declared.join(', ') || 'none'}.`);
  }
  return replaced;
}
