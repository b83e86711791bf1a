/** Kernels without a gradient of their own, as rows. */
import type { Engine } from '../../src/engine/index.js';
import type { Group, Prepared, RowName, Subject } from '../harness/subject.js';
import { forced, variantName } from './case.js';

/** A kernel that is not differentiated, at one size. */
export interface PlainCase {
  readonly op: string;
  readonly shape: string;
  /** Where the shape comes from. */
  readonly model: string;
  /** 'step' where it changes its inputs, as an optimiser does. */
  readonly pass: 'forward' | 'step';
  /** Uploads the inputs and captures the launches, all within the call. */
  prepare(engine: Engine): Prepared;
}

/** One row of a case, with families forced to variants. */
export function plainSubject({ prepare, ...named }: PlainCase, section: RowName['section'], force: Readonly<Record<string, string>> = {}): Subject {
  return {
    name: { section, ...named, implementation: 'zygo', variant: variantName(force) },
    capture: (engine) => forced(engine, force, () => prepare(engine)),
  };
}

/** The row of a case, in a group of its own. */
export function plainGroup(given: PlainCase): Group {
  return { name: `${given.op} ${given.shape}`, subjects: [plainSubject(given, 'kernels')] };
}
