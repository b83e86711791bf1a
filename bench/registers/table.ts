/** The table of `npm run bench -- registers`. */
import type { Assembled } from './compile.js';
import type { Kernel } from './kernels.js';
import { occupancyOf, type Architecture } from './occupancy.js';

/** A kernel with what was found of it. */
export interface Row {
  readonly kernel: Kernel;
  /** Invocations per workgroup. */
  readonly threads: number;
  readonly assembled: Assembled;
}

const HEAD = ['kernel', 'constants', 'threads', 'registers', 'stack', 'spilled', 'shared', 'workgroups', 'occupancy', 'limit', 'launched by'];

/** Constants without those that are false, in few letters. */
export function constantsText(constants: Kernel['constants']): string {
  return Object.entries(constants)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? name : `${name}=${value}`))
    .join(' ');
}

/** Lines of Markdown, with what needs a look first: local memory, then few resident warps, then many registers. */
export function registerLines(rows: readonly Row[], architecture: Architecture): string[] {
  const found = rows.map((row) => ({ ...row, held: occupancyOf(architecture, { threads: row.threads, ...row.assembled }) }));
  found.sort((a, b) => b.assembled.stackBytes - a.assembled.stackBytes || a.held.share - b.held.share || b.assembled.registers - a.assembled.registers);
  const cells = found.map(({ kernel, threads, assembled: { registers, stackBytes, spillStoreBytes, spillLoadBytes, sharedBytes }, held }) => [
    kernel.shader,
    constantsText(kernel.constants),
    threads,
    registers,
    stackBytes || '',
    spillStoreBytes + spillLoadBytes > 0 ? `${spillStoreBytes} + ${spillLoadBytes}` : '',
    sharedBytes || '',
    held.workgroups,
    `${Math.round(100 * held.share)} %`,
    held.limit,
    kernel.where.join(', '),
  ]);
  return [HEAD, HEAD.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`);
}
