/** CUDA C++ for the types and names of a WGSL program. */
import { ArrayType, Struct, TemplateType, type Type } from 'wgsl_reflect/wgsl_reflect.module.js';

/** WGSL that has no translation. */
export class UntranslatableError extends Error {
  constructor(
    readonly what: string,
    /** Line of the source, counted from 1. */
    readonly line: number,
  ) {
    super(`line ${line}: ${what} has no translation`);
  }
}

const SCALARS: Readonly<Record<string, string>> = { f32: 'float', u32: 'unsigned', i32: 'int', bool: 'bool', f16: '__half', f: 'float', u: 'unsigned', i: 'int', h: '__half' };

/** Names of a program get a prefix: some are words of C++. */
export function cudaName(name: string): string {
  return `z_${name}`;
}

/** Members of structs have another prefix, so that `heads` is not taken for `params.heads`. */
export function memberName(name: string): string {
  return /^[xyzw]$/.test(name) ? name : `m_${name}`;
}

/** The type's name in CUDA C++, with `prelude.cuh` before it. */
export function cudaType(type: Type, line: number): string {
  if (type instanceof ArrayType) {
    if (!type.format || type.count < 1) throw new UntranslatableError(`the type ${type.getTypeName()}`, line);
    return `array<${cudaType(type.format, line)}, ${type.count}>`;
  }
  if (type instanceof Struct) return cudaName(type.name);
  const scalar = SCALARS[type.name];
  if (scalar && type.name.length > 1) return scalar;
  // vec4<f32> and vec4f, mat4x3<f32> and mat4x3f.
  const [, kind, sizes, suffix] = /^(vec|mat)(\d(?:x\d)?)([fuih]?)$/.exec(type.name) ?? [];
  const element = type instanceof TemplateType && type.format ? cudaType(type.format, line) : suffix ? SCALARS[suffix] : undefined;
  if (!kind || !element) throw new UntranslatableError(`the type ${type.getTypeName()}`, line);
  return `${kind}<${element}, ${sizes.replace('x', ', ')}>`;
}
