import { gridFor, type Workgroups } from '../../engine/index.js';

/** Workgroups for a kernel whose 64 threads take 4 elements each (PER_THREAD of the elementwise shaders). */
export function elementwiseGrid(count: number): Workgroups {
  return gridFor(count, 256);
}
