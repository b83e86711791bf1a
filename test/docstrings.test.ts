/** Whoever uses a symbol of another file finds out there what it is for: every exported declaration has a docstring. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** A declaration at the start of a line; what is exported on from another file has its docstring there. */
const DECLARATION = /^export (?:(?:default|declare|async|abstract) )*(?:function\*?|class|interface|enum|const enum|const|let|type) ([\w$]+)/;

/** True when a comment that begins with two stars ends on the line before `index`. */
function hasDocstring(lines: readonly string[], index: number): boolean {
  let at = index - 1;
  if (!/\*\/\s*$/.test(lines[at] ?? '')) return false;
  while (at > 0 && !lines[at].includes('/*')) at -= 1;
  return /^\s*\/\*\*(?!\/)/.test(lines[at]);
}

/** "line name" of each exported declaration without a docstring. */
function undocumented(text: string): string[] {
  const lines = text.split(/\r?\n/);
  return lines.flatMap((line, index) => {
    const name = DECLARATION.exec(line)?.[1];
    return name === undefined || hasDocstring(lines, index) ? [] : [`${index + 1} ${name}`];
  });
}

test('the scan tells declarations with a docstring from those without', () => {
  const text = [
    "export { a } from './a.js';",
    '/** B. */',
    'export const b = 1;',
    'export const c = 2;',
    '/**',
    ' * D.',
    ' */',
    'export async function d(): Promise<void> {}',
    '/* No docstring. */',
    'export interface E {}',
    '/** Of something else. */',
    '',
    'export type F = string;',
    'export abstract class G {}',
  ].join('\n');
  assert.deepEqual(undocumented(text), ['4 c', '10 E', '13 F', '14 G']);
});

test('every exported declaration of src and bench has a docstring', () => {
  const missing = ['src', 'bench'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'))
      .sort()
      .flatMap((name) => undocumented(readFileSync(join(ROOT, folder, name), 'utf8')).map((found) => `${join(folder, name)}:${found}`)),
  );
  assert.equal(missing.join('\n'), '', 'exported without a docstring');
});
