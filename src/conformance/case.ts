/**
 * One conformance case: inputs, and what another framework computed from them, in one safetensors file.
 * `__metadata__` holds `op` and `config` (a JSON object as text); tensors are named input.NAME, output.NAME,
 * cotangent.NAME (dL/d output) and grad.NAME (dL/d input), F32 or I32.
 */
import { InputError } from '../engine/index.js';
import { decodeSafetensors, type SafetensorsTensor } from '../model/checkpoint/safetensors.js';

/** A tensor of a case. */
export type CaseTensor = Extract<SafetensorsTensor, { dtype: 'F32' | 'I32' }>;

/** A case file, read and checked by `parseCase`. Names are without the prefixes input., output., cotangent. and grad. */
export interface ConformanceCase {
  /** How the file is called in messages. */
  readonly file: string;
  /** A name of `CONFORMANCE_OPS`, or one that is not known. */
  readonly op: string;
  /** The op's numbers and flags as the file has them, unchecked; see `CaseConfig`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Inputs; a network's parameters keep their prefix param. */
  readonly inputs: ReadonlyMap<string, CaseTensor>;
  readonly outputs: ReadonlyMap<string, CaseTensor>;
  /** dL/d output, from which the gradients follow; an output without one adds nothing to them. */
  readonly cotangents: ReadonlyMap<string, CaseTensor>;
  /** dL/d input, by the input's name. */
  readonly gradients: ReadonlyMap<string, CaseTensor>;
  /** What made the case, in its own words; null when it does not say. */
  readonly madeWith: string | null;
}

/** A buffer of torchvision's state dict that follows from the window size: 64-bit integers that nobody needs. */
const IGNORED = /(^|\.)relative_position_index$/;

const KINDS = ['input', 'output', 'cotangent', 'grad'] as const;
type Kind = (typeof KINDS)[number];

function textOf(metadata: ReadonlyMap<string, string>, key: string, file: string): string {
  const text = metadata.get(key);
  if (text === undefined) throw new InputError(`${file} is no conformance case: its __metadata__ has no "${key}".`);
  return text;
}

function readConfig(text: string, file: string): Record<string, unknown> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${file}: config is not valid JSON (${(cause as Error).message}).`, { cause });
  }
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as Record<string, unknown>;
  throw new InputError(`${file}: config is ${JSON.stringify(config)}, expected a JSON object.`);
}

/** "input.x" to its kind and "x"; a bare param.NAME is an input of that name. */
function placeOf(name: string, file: string): { kind: Kind; name: string } {
  if (name.startsWith('param.')) return { kind: 'input', name };
  const dot = name.indexOf('.');
  const kind = KINDS.find((word) => word === name.slice(0, dot));
  if (kind && dot + 1 < name.length) return { kind, name: name.slice(dot + 1) };
  throw new InputError(`${file}, tensor ${name}: expected a name that begins with ${KINDS.map((word) => `${word}.`).join(', ')}.`);
}

/**
 * Reads a case.
 * @param file for messages only
 * @throws {InputError} naming the file and what is wrong with it: damage, missing metadata, names and dtypes that no
 *   case has, gradients without a cotangent or without their input, nothing to compare
 */
export function parseCase(bytes: Uint8Array, file: string): ConformanceCase {
  const { tensors, metadata } = decodeSafetensors(bytes, file, (name) => !IGNORED.test(name));
  const op = textOf(metadata, 'op', file);
  const config = readConfig(textOf(metadata, 'config', file), file);
  const found: Record<Kind, Map<string, CaseTensor>> = { input: new Map(), output: new Map(), cotangent: new Map(), grad: new Map() };
  for (const [full, tensor] of tensors) {
    const { kind, name } = placeOf(full, file);
    if (tensor.dtype !== 'F32' && tensor.dtype !== 'I32') {
      throw new InputError(`${file}, tensor ${full}: dtype "${tensor.dtype}", expected F32 or I32.`);
    }
    found[kind].set(name, tensor);
  }
  const gradients = new Map<string, CaseTensor>();
  for (const [name, tensor] of found.grad) {
    const input = [name, `param.${name}`].find((known) => found.input.has(known));
    if (input === undefined) throw new InputError(`${file}, tensor grad.${name}: there is no input.${name} that it could be the gradient of.`);
    gradients.set(input, tensor);
  }
  if (found.output.size + gradients.size === 0) throw new InputError(`${file} holds no output.NAME and no grad.NAME: there is nothing to compare.`);
  if (gradients.size > 0 && found.cotangent.size === 0) {
    throw new InputError(`${file} holds gradients but no cotangent.NAME: expected dL/d output, from which they follow.`);
  }
  return { file, op, config, inputs: found.input, outputs: found.output, cotangents: found.cotangent, gradients, madeWith: metadata.get('madeWith') ?? null };
}
