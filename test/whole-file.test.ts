/** Files that commands write are replaced, never written over: whoever is killed on the way leaves the old one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeState } from '../bench/node/all/state.js';
import { writeReport } from '../src/cli/report-file.js';
import { writeWhole, writeWholeSync } from '../src/platform/node/whole-file.js';
import { inFolder } from './cli-process.js';

const WRITERS = {
  writeWhole,
  writeWholeSync,
  writeReport,
  writeState: (file: string) => writeState(join(file, '..'), { format: 'zygo-bench-all', commit: null, adapter: '', parts: {} }),
} as const;

for (const [name, write] of Object.entries(WRITERS)) {
  test(`${name} leaves the bytes of the old file alone, and nothing beside the new one`, () =>
    inFolder(async (folder) => {
      const file = join(folder, 'state.json');
      await writeFile(file, 'old');
      // A second name of the same bytes, which whoever writes in place would write as well.
      await link(file, join(folder, 'held'));
      await write(file, 'new');
      assert.equal(await readFile(join(folder, 'held'), 'utf8'), 'old');
      assert.notEqual(await readFile(file, 'utf8'), 'old');
      assert.deepEqual((await readdir(folder)).sort(), ['held', 'state.json']);
    }));
}

test('a file behind a link is replaced where it is, and a pipe is written to', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'far'));
    await writeFile(join(folder, 'far', 'x.json'), 'old');
    await symlink(join('far', 'x.json'), join(folder, 'near.json'));
    await writeWhole(join(folder, 'near.json'), 'new');
    assert.equal(await readFile(join(folder, 'far', 'x.json'), 'utf8'), 'new');
    if (process.platform === 'win32') return;
    const code = `import(${JSON.stringify(new URL('../src/platform/node/whole-file.js', import.meta.url))}).then(({ writeWholeSync }) => writeWholeSync('/dev/stdout', 'piped'))`;
    assert.equal(spawnSync('sh', ['-c', '"$0" -e "$1" | cat', process.execPath, code], { encoding: 'utf8' }).stdout, 'piped');
  }));

test('what cannot be written is told, and leaves the old file and nothing beside it', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'x.json');
    await mkdir(join(folder, 'x.json', 'inside'), { recursive: true });
    await assert.rejects(writeReport(file, 'new'), /x\.json cannot be written \(EISDIR\)/);
    assert.throws(() => writeWholeSync(join(folder, 'nowhere', 'x.json'), 'new'), /ENOENT/);
    assert.deepEqual(await readdir(folder), ['x.json']);
  }));
