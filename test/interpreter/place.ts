/** A program made ready for wgsl_reflect's interpreter: for one workgroup, and around what the interpreter gets wrong. */

const ENTRY = /@workgroup_size\([^)]*\)\s*fn main\(([^{]*)\)\s*\{/;

/** A barrier as a statement; in comments they stand without the semicolon. */
export const BARRIER = /\b(?:workgroup|storage)Barrier\(\);/g;

export interface Placement {
  /** Invocations per workgroup. */
  readonly size: readonly [number, number, number];
  /** Workgroups of the whole launch. */
  readonly counts: readonly [number, number, number];
  /** The workgroup that is run. */
  readonly group: readonly [number, number, number];
}

/**
 * The program as one workgroup of a launch sees it: what depends on the workgroup's place becomes a constant, and the
 * interpreter is given a launch of one workgroup. (detectRaces follows workgroup memory in the first workgroup of a
 * launch only, and does not clear it for the next.) The workgroup size becomes numbers: with a name for it nothing runs.
 * @throws {Error} for a built-in value that is not known here
 */
export function placed(source: string, { size, counts, group }: Placement): string {
  const entry = ENTRY.exec(source);
  if (!entry) throw new Error('The program has no compute entry point main.');
  const vector = (values: readonly number[]) => `vec3<u32>(${values.map((value) => `${value}u`).join(', ')})`;
  const lines: string[] = [];
  const parameters: string[] = [];
  for (const parameter of entry[1].split(/,(?![^<]*>)/).map((text) => text.trim())) {
    if (parameter === '') continue;
    const [, builtin, name] = /@builtin\((\w+)\)\s+(\w+)/.exec(parameter) ?? [];
    if (builtin === 'workgroup_id') lines.push(`let ${name} = ${vector(group)};`);
    else if (builtin === 'num_workgroups') lines.push(`let ${name} = ${vector(counts)};`);
    else if (builtin === 'global_invocation_id') {
      parameters.push(`@builtin(local_invocation_id) ${name}_in_group: vec3<u32>`);
      lines.push(`let ${name} = ${name}_in_group + ${vector(group.map((place, axis) => place * size[axis]))};`);
    } else if (builtin === 'local_invocation_index' || builtin === 'local_invocation_id') parameters.push(parameter);
    else throw new Error(`The entry point takes ${parameter}, which the race tests do not know.`);
  }
  // A private variable of the module is one per invocation; the interpreter has one for all.
  const privates = [...source.matchAll(/^var<private>\s+([^;]+;)/gm)].map((match) => `var ${match[1]}`);
  lines.push(...privates);
  // On entering a block the interpreter runs its first command at once, so that a barrier there would not be seen.
  let barriers = 0;
  const spaced = source.replace(/^var<private>[^;]+;/gm, '').replace(BARRIER, (barrier) => `let before_barrier_${barriers++} = 0u; ${barrier}`);
  // One line, so that line numbers stay those of the file.
  const breaks = '\n'.repeat(entry[0].split('\n').length - 1);
  return spaced.replace(ENTRY, () => `@workgroup_size(${size.join(', ')}) ${breaks}fn main(${parameters.join(', ')}) { ${lines.join(' ')}`);
}
