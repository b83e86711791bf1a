import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

test("the README's example is the file that the package test runs", () => {
  const [, block] = /```js\n([\s\S]*?)```/.exec(readme) ?? [];
  assert.equal(block, readFileSync(join(ROOT, 'docs', 'examples', 'own-kernel.mjs'), 'utf8'));
});

test('the README names only npm scripts that there are', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  const named = [...readme.matchAll(/npm run ([a-z0-9:-]+)/g)].map((match) => match[1]);
  assert.ok(named.length > 0);
  for (const name of named) assert.ok(name in scripts, `npm run ${name}`);
});
