/** What the interpreter computes against what the device computed. */
import { halfValues } from '../../src/engine/index.js';
import { relativeError } from '../helpers.js';
import { interpret, type InterpretOptions } from './interpret.js';
import type { Launch } from './record.js';

/**
 * Largest difference, relative to the largest magnitude in the tensor: the interpreter computes in double precision and
 * stores in single, the device rounds every operation and has its own exp and log, and augment/images samples a picture
 * of noise at places that are rounded so.
 */
export const TOLERANCE = 5e-4;

/** The same where a sum that differs so may be rounded to another f16, whose neighbours are 2⁻¹⁰ apart at most. */
export const HALF_TOLERANCE = TOLERANCE + 2 ** -10;

/** What is wrong with a launch as the interpreter sees it. */
export interface Findings {
  /** Races, barriers that not all invocations reach, workgroup memory read before it is written. */
  readonly races: readonly string[];
  /** Outputs that are not the device's, or that the interpreter gave up. */
  readonly values: readonly string[];
}

/** Runs a launch in the interpreter, with another source if one is given. */
export function examine(launch: Launch, source = launch.source, options: InterpretOptions = {}): Findings {
  let races: readonly string[];
  let buffers: Readonly<Record<string, ArrayBuffer>>;
  try {
    ({ complaints: races, buffers } = interpret(launch, source, options));
  } catch (error) {
    return { races: [], values: [`the interpreter stops: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const values: string[] = [];
  for (const { name, dtype } of launch.reflection.storages) {
    const [mine, device] = [buffers[name], launch.after[name]];
    // Equal bytes are equal whatever they mean: what a launch does not touch may hold anything, NaN included.
    if (Buffer.compare(Buffer.from(mine), Buffer.from(device)) === 0) continue;
    if (dtype === 'f32' || dtype === 'f16') {
      const decode = (bytes: ArrayBuffer): Float32Array => (dtype === 'f16' ? halfValues(new Uint16Array(bytes)) : new Float32Array(bytes));
      const error = relativeError(decode(mine), decode(device));
      if (!(error <= (dtype === 'f16' ? HALF_TOLERANCE : TOLERANCE))) values.push(`${name} is ${error.toExponential(1)} away from the device's`);
    } else values.push(`${name} is not the device's`);
  }
  return { races, values };
}
