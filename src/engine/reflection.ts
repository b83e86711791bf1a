/** What a WGSL program declares: its bindings, its uniform struct and its workgroup size. */
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import type { DType } from './dtype.js';
import { KernelError } from './errors.js';

/** A storage buffer that a kernel declares, `@group(0) @binding(n) var<storage, ...> name: array<...>`. */
export interface StorageBinding {
  readonly name: string;
  readonly binding: number;
  /** Declared `read_write`. */
  readonly writable: boolean;
  /** What its tensor must hold: the element type, or that of its vectors' components. */
  readonly dtype: DType;
}

/** A number of a kernel's parameter block: a scalar member of its `struct Params`. */
export interface UniformMember {
  readonly name: string;
  /** Bytes from the start of the block. */
  readonly offset: number;
  readonly type: DType;
}

/** A kernel's parameter block, its one `var<uniform>`. */
export interface UniformBinding {
  readonly binding: number;
  /** Size of the block as the device lays it out. */
  readonly byteLength: number;
  readonly members: readonly UniformMember[];
}

/** What a kernel's WGSL declares; see {@link reflect}. */
export interface Reflection {
  readonly storages: readonly StorageBinding[];
  /** Null for a kernel without parameters. */
  readonly uniform: UniformBinding | null;
  /** Invocations of a workgroup along x, y and z. */
  readonly workgroupSize: readonly [number, number, number];
}

/**
 * Kernels without the feature `shader-f16` read and write f16 elements as words of two. Names of the element type tell
 * them from u32 elements: `alias half4 = vec2<u32>` holds four of f16, `alias float2 = vec2<u32>` two of f32, as bits (`float1` is one).
 * A binding may name one of these through a further alias, which a specialised program sets.
 */
function typeOfWords(source: string, name: string): DType | null {
  let type = new RegExp(`\\b${name}\\s*:\\s*array<\\s*(\\w+)`).exec(source)?.[1];
  for (let depth = 0; type !== undefined && depth < 4; depth++) {
    if (/^half[248]$/.test(type)) return 'f16';
    if (/^float[124]$/.test(type)) return 'f32';
    type = new RegExp(`^alias\\s+${type}\\s*=\\s*(\\w+)`, 'm').exec(source)?.[1];
  }
  return null;
}

/** `array<vec4f, 0>` and `array<f32, 0>` both hold f32 elements. */
function elementType(kernel: string, name: string, typeName: string): DType {
  const match = /(?:array<)?(?:vec[234]<?)?(f32|f16|u32|i32|f|h|u|i)\b/.exec(typeName);
  const element = match?.[1];
  if (element === 'f16' || element === 'h') return 'f16';
  if (element === 'f32' || element === 'f') return 'f32';
  if (element === 'u32' || element === 'u') return 'u32';
  if (element === 'i32' || element === 'i') return 'i32';
  throw new KernelError(kernel, `binding ${name} has type ${typeName}; expected an array of f32, f16, u32 or i32.`);
}

/**
 * Reads the declarations of one compute program with entry point `main`.
 * @throws {KernelError} when the source does not parse or declares something the engine cannot bind.
 */
export function reflect(kernel: string, source: string): Reflection {
  let program: WgslReflect;
  try {
    // wgsl_reflect does not know subgroup matrices; no binding is one.
    program = new WgslReflect(source.replace(/\bsubgroup_matrix_\w+<[^>]*>/g, 'u32').replace(/\bsubgroupMatrixLoad<\w+>/g, 'subgroupMatrixLoad'));
  } catch (error) {
    throw new KernelError(kernel, `the WGSL source does not parse: ${String(error instanceof Error ? error.message : error)}`);
  }
  const entry = program.entry.compute.find((candidate) => candidate.name === 'main');
  if (!entry?.workgroupSize) throw new KernelError(kernel, 'has no @compute entry point named main with a workgroup size.');
  const [x, y = 1, z = 1] = entry.workgroupSize.map(Number);
  const storages = program.storage.map((variable) => {
    if (variable.group !== 0) throw new KernelError(kernel, `binding ${variable.name} is in group ${variable.group}; expected group 0.`);
    return {
      name: variable.name,
      binding: variable.binding,
      writable: variable.access !== 'read',
      dtype: typeOfWords(source, variable.name) ?? elementType(kernel, variable.name, variable.type.getTypeName()),
    };
  });
  if (program.uniforms.length > 1) throw new KernelError(kernel, 'declares more than one uniform; expected a single struct.');
  const uniform = program.uniforms[0];
  return {
    storages,
    uniform: uniform
      ? {
          binding: uniform.binding,
          byteLength: Math.ceil(uniform.size / 16) * 16,
          members: (uniform.members ?? []).map((member) => ({
            name: member.name,
            offset: member.offset,
            type: elementType(kernel, member.name, member.type.getTypeName()),
          })),
        }
      : null,
    workgroupSize: [x, y, z],
  };
}
