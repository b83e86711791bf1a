/** The rooms that run everywhere must not reach for Node or for the page. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Source text by path, with comments taken out. */
function sources(folder: string): [string, string][] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const text = readFileSync(join(root, folder, name), 'utf8');
      return [join(folder, name), text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')];
    });
}

for (const folder of ['src/data', 'src/report', 'src/model/checkpoint', 'bench/harness', 'bench/suites', 'bench/composed', 'bench/peers']) {
  test(`${folder} runs without Node and without a page`, () => {
    const files = sources(folder);
    assert.ok(files.length > 0);
    for (const [path, text] of files) {
      assert.ok(!/from '(node:|fs|path|os)|require\(/.test(text), `${path} imports a Node module`);
      assert.ok(!/\b(Buffer|process|__dirname)\s*[.(]/.test(text), `${path} uses a Node global`);
      assert.ok(!/\b(document|window|localStorage)\s*\./.test(text), `${path} uses the page`);
      assert.ok(!/from '[./]+\/(platform|cli|app)\//.test(text), `${path} imports from a platform`);
    }
  });
}
