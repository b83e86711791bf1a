/** `zygo verify` as a person runs it: the table, the report, exit codes. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { everythingIn, inFolder, zygo } from './cli-process.js';

/** A module that is loaded before the command and changes what it finds. */
async function preload(folder: string, code: string): Promise<string[]> {
  const file = join(folder, 'preload.mjs');
  await writeFile(file, code.replaceAll('DIST', new URL('..', import.meta.url).href));
  return ['--import', file];
}

test('the table names the machine, every op and variant, and what a filter left out', () =>
  inFolder(async (folder) => {
    const { code, stdout } = await zygo(['verify', '--filter', 'fill', '--json', 'report.json'], { cwd: folder });
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    for (const word of ['Zygo 0.', 'Node v', 'Dawn (npm webgpu) 0.', 'adapter:', 'driver:', 'features:', 'subgroup size:', 'maxBufferSize']) {
      assert.ok(lines.slice(0, 7).some((line) => line.includes(word)), word);
    }
    assert.match(stdout, /^op +shapes +variant +largest error +tolerance +verdict$/m);
    assert.match(stdout, /^fill +\[9001\], 2\.5 +rule: items=\w+ +0\.0e\+0 \(y\) +exact +pass$/m);
    assert.match(stdout, /^fill +\[9001\], 2\.5 +items=\w+ +0\.0e\+0 \(y\) +exact +pass$/m);
    assert.match(lines[lines.length - 2], /^2 passed, 0 failed, 0 not offered by this device, 0 not run .* 1 ops in \d+ s\.$/);
    assert.match(lines[lines.length - 1], /^The filter "fill" was on: \d+ of \d+ cases were not run\.$/);
    const report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
    assert.equal(report.passed, 2);
    assert.equal(report.failed, 0);
    assert.equal(report.filter, 'fill');
    assert.ok(report.casesNotRun > 50);
    assert.ok(report.environment.limits.maxBufferSize > 0);
    assert.deepEqual(report.results[0].outputs, [{ output: 'y', error: 0, tolerance: 0 }]);
  }));

test('--subgroup-matrix verifies the kernel of subgroup matrices, or says that the adapter has none', () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await zygo(['verify', '--subgroup-matrix', '--filter', '68 x 36 x 44, operands f16'], { cwd: folder });
    assert.equal(code, 0, stderr);
    const has = /^features: .*subgroup-matrix/m.test(stdout);
    assert.match(stderr, has ? /Subgroup matrices \(experimental\): \d+ x \d+ by/ : /This adapter offers no subgroup matrices/);
    assert.match(stdout, has ? /matmul-f16=matrix .* pass$/m : /matmul-f16=matrix .* not offered: needs /m);
  }));

test('a wrong kernel ends with exit code 1, is named, and is in the report', () =>
  inFolder(async (folder) => {
    const node = await preload(
      folder,
      `import { shaderSources } from 'DISTsrc/shaders.generated.js';
       shaderSources['elementwise/fill'] = shaderSources['elementwise/fill'].replaceAll('params.value', '(params.value + 1.0)');`,
    );
    const { code, stdout, stderr } = await zygo(['verify', '--filter', 'fill', '--json', 'report.json'], { cwd: folder, node });
    assert.equal(code, 1);
    assert.match(stdout, /^fill .* FAIL: y is wrong$/m);
    assert.match(stderr, /2 of 2 checks failed on this adapter/);
    assert.equal(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')).failed, 2);
  }));

test('bad usage and a machine without an adapter end with exit code 2 and one sentence', () =>
  inFolder(async (folder) => {
    const noAdapter = await preload(
      folder,
      `Object.defineProperty(process, 'platform', { value: 'linux' });
       Object.defineProperty(process, 'arch', { value: 'riscv64' });
       process.dlopen = () => { throw new Error('cannot open shared object file'); };`,
    );
    for (const [args, words, node] of [
      [['--filter', 'no such op'], /--filter "no such op" is in no case: expected .* the ops are add, /, []],
      [['--json', 'nowhere/report.json'], /nowhere\/report\.json cannot be written/, []],
      [['--adapter', 'best'], /--adapter is "best"/, []],
      [[], /No WebGPU adapter was found/, noAdapter],
    ] as const) {
      const { code, stdout, stderr } = await zygo(['verify', ...args], { cwd: folder, node });
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, words);
    }
    assert.deepEqual(await everythingIn(folder), ['preload.mjs']);
  }));
