/**
 * Kernels run in another order. A WebGPU device may run workgroups, and the invocations within one, in any order; one
 * device mostly takes the same, so that repeating a run hides a dependence on it. Reversing the numbers that a kernel
 * is told (the first workgroup does the work of the last, the first lane that of the last) makes the device take the
 * work in the opposite order without changing what has to be computed: a kernel with a fixed order of its sums and
 * without races gives the same bits.
 */
import type { ShaderSources } from '../src/engine/index.js';

const ENTRY = /@workgroup_size\(([^)]*)\)\s*fn main\(([^{]*)\)\s*\{/;
const PARAMETER = /@builtin\((\w+)\)\s+(\w+)\s*:/g;
/** Kernels that exchange values within a subgroup need neighbouring lanes as the hardware has them. */
const SUBGROUPS = /\b(?:quad|subgroup)[A-Z]\w*[(<]/;

/**
 * The same compute program with workgroups (and lanes, unless it uses subgroup operations) in reverse.
 * @throws {Error} when the program has no entry point `main` or takes a built-in value that is not known here.
 */
export function reversed(name: string, source: string): string {
  const entry = ENTRY.exec(source);
  if (!entry) throw new Error(`${name} has no compute entry point main.`);
  const [head, size, list] = entry;
  const [x, y = '1', z = '1'] = size.split(',').map((part) => part.trim());
  const lanes = `vec3<u32>(${x}, ${y}, ${z})`;
  const keepLanes = SUBGROUPS.test(source);
  const lines: string[] = [];
  let counts = /@builtin\(num_workgroups\)\s+(\w+)/.exec(list)?.[1];
  let parameters = list.replace(PARAMETER, (text, builtin: string, own: string) => {
    if (builtin.startsWith('num_') || builtin.startsWith('subgroup')) return text;
    const given = `${own}_given`;
    const reverse: Record<string, string> = {
      workgroup_id: `COUNTS - 1u - ${given}`,
      local_invocation_id: keepLanes ? given : `${lanes} - 1u - ${given}`,
      local_invocation_index: keepLanes ? given : `${lanes}.x * ${lanes}.y * ${lanes}.z - 1u - ${given}`,
      global_invocation_id: keepLanes ? `(COUNTS - 1u - ${given} / ${lanes}) * ${lanes} + ${given} % ${lanes}` : `COUNTS * ${lanes} - 1u - ${given}`,
    };
    if (!(builtin in reverse)) throw new Error(`${name} takes the built-in value ${builtin}, which this cannot reverse.`);
    lines.push(`  let ${own} = ${reverse[builtin]};`);
    return `@builtin(${builtin}) ${given}:`;
  });
  if (!counts) {
    counts = 'counts_given';
    parameters = [parameters.trim().replace(/,$/, ''), '@builtin(num_workgroups) counts_given: vec3<u32>'].filter(Boolean).join(', ');
  }
  const body = lines.join('\n').replaceAll('COUNTS', counts);
  return source.replace(head, () => `@workgroup_size(${size})\nfn main(${parameters}) {\n${body}`);
}

/** Every compute program of a list in reverse. */
export function reverseAll(sources: ShaderSources): Record<string, string> {
  const compute = Object.entries(sources).filter(([, source]) => source.includes('@compute'));
  return Object.fromEntries(compute.map(([name, source]) => [name, reversed(name, source)]));
}
