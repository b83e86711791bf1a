import type { Workgroups } from './commands.js';

/** WebGPU's default limit of workgroups per dimension. */
const MAX_WORKGROUPS = 65535;

/**
 * Workgroup counts for `items` independent invocations. Kernels compute their index as
 * `id.x + id.y * (workgroups.x * workgroupSize)`, so that more than 65,535 workgroups spill into y.
 * @param items number of invocations wanted
 * @param workgroupSize invocations of one workgroup (64 by default, as in the elementwise kernels)
 */
export function gridFor(items: number, workgroupSize = 64): Workgroups {
  const groups = Math.max(1, Math.ceil(items / workgroupSize));
  if (groups <= MAX_WORKGROUPS) return [groups, 1, 1];
  const x = Math.ceil(Math.sqrt(groups));
  return [x, Math.ceil(groups / x), 1];
}
