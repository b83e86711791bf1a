import { gridFor, type Engine, type Workgroups } from '../../engine/index.js';
import { fromChoice } from '../launch-choice.js';
import { problemKey } from '../problem-key.js';

/** Threads of a workgroup of the elementwise and layout kernels. */
const WORKGROUP = 64;
/** Items per thread, the constant PER_THREAD of the kernels: few by default, many for large inputs on a software adapter. */
const PER_THREAD = { few: 4, many: 16 } as const;
/** Workgroups that a software adapter should have at least, so that all its threads find work. */
const SOFTWARE_WORKGROUPS = 8;

/** Constants and workgroups of a launch. */
export interface ItemLaunch {
  readonly constants: { readonly PER_THREAD: number };
  readonly workgroups: Workgroups;
}

/** Launch of a kernel whose threads take PER_THREAD of `items` each (elements, or vec4 of elements). */
export function itemLaunch(engine: Engine, items: number): ItemLaunch {
  const many = engine.info.software && items >= WORKGROUP * PER_THREAD.many * SOFTWARE_WORKGROUPS;
  const problem = problemKey({ n: items });
  const perThread = PER_THREAD[engine.choose('items', ['few', 'many'], many ? 'many' : 'few', problem)];
  const workgroups = fromChoice(gridFor(items, WORKGROUP * perThread), { family: 'items', problem });
  return { constants: { PER_THREAD: perThread }, workgroups };
}

/** Launch of an elementwise kernel, whose items are vec4, on `count` elements. */
export function elementwiseLaunch(engine: Engine, count: number): ItemLaunch {
  return itemLaunch(engine, Math.ceil(count / 4));
}

/** How many floats a kernel with an `element` alias takes at a time, and the constant that says so. */
export interface ElementWidth {
  readonly width: 1 | 4;
  readonly constants: { readonly element: string };
}

/** vec4 elements where every given count of floats is a multiple of 4, single floats otherwise. */
export function elementWidth(...counts: readonly number[]): ElementWidth {
  const width = counts.every((count) => count % 4 === 0) ? 4 : 1;
  return { width, constants: { element: width === 4 ? 'vec4<f32>' : 'f32' } };
}
