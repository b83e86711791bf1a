/** `bench versus`: processes in turns, a process a sample. The checkouts are scripts that write results with known times. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ofProcesses, runVersus, type VersusOptions } from '../bench/node/versus.js';
import { parseResult } from '../bench/harness/schema.js';
import { CommandFailure } from '../src/cli/failure.js';
import { InputError } from '../src/engine/errors.js';
import { result, row, UNTIMED } from './bench-results.js';

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'zygo-versus-test-'))));
after(() => rm(folder, { recursive: true }));

const options: VersusOptions = { suite: 'quick', rounds: 4, seconds: 1, threshold: 0.05, adapter: 'auto' };

/** A folder like a built checkout; its benchmark writes a result whose one row takes `time`, and puts its name in a list. */
async function checkout(name: string, time: number): Promise<string> {
  const own = join(folder, name);
  await mkdir(join(own, 'dist/bench'), { recursive: true });
  const text = JSON.stringify(result([row('one', { time }), row('two', { time: 1e-3 })]));
  const script = `const { appendFileSync, writeFileSync } = require('node:fs');
    appendFileSync(${JSON.stringify(join(folder, 'turns'))}, ${JSON.stringify(name)} + ' ');
    writeFileSync(process.argv[process.argv.indexOf('--json') + 1], ${JSON.stringify(text)});`;
  await writeFile(join(own, 'dist/bench/main.js'), script);
  return own;
}

test('medians of processes are the samples, and a row that one of them cannot time has none', () => {
  const three = [1e-3, 3e-3, 2e-3].map((time) => result([row('one', { time }), row('lost', time === 3e-3 ? { status: 'wrong', note: 'y is wrong', ...UNTIMED } : {})]));
  const { rows, seconds } = ofProcesses(three);
  assert.deepEqual(rows[0].hot?.gpu, [1e-3, 3e-3, 2e-3]);
  assert.equal(rows[0].summary?.gpu?.median, 2e-3);
  assert.deepEqual([rows[1].status, rows[1].hot], ['wrong', null]);
  assert.equal(seconds, 36);
});

test('two checkouts are measured in turns; a slower one is a regression, and both results are kept', async () => {
  const [other, here] = [await checkout('other', 1e-3), await checkout('here', 1.5e-3)];
  await writeFile(join(folder, 'turns'), '');
  const failure = await runVersus(other, { ...options, json: join(folder, 'kept') }, here).then(() => null, (error: unknown) => error);
  assert.ok(failure instanceof CommandFailure && /1 of 2 rows are slower or broken/.test(failure.message), String(failure));
  assert.equal(await readFile(join(folder, 'turns'), 'utf8'), 'other here here other other here here other ');
  const kept = parseResult(await readFile(join(folder, 'kept-b.json'), 'utf8'), 'b');
  assert.deepEqual(kept.rows[0].hot?.gpu, [1.5e-3, 1.5e-3, 1.5e-3, 1.5e-3]);
});

test('equal checkouts are no regression', async () => {
  const [other, here] = [await checkout('equal', 1e-3), await checkout('same', 1e-3)];
  await runVersus(other, options, here);
});

test('a folder that is no built checkout, and a process that writes nothing, are told in words', async () => {
  const here = await checkout('good', 1e-3);
  await assert.rejects(runVersus(folder, options, here), (error: Error) => error instanceof InputError && /expected another checkout of Zygo, in which "npm ci && npm run build" ran/.test(error.message));
  const silent = await checkout('silent', 1e-3);
  await writeFile(join(silent, 'dist/bench/main.js'), "process.stderr.write('no adapter here\\n'); process.exit(2);");
  await assert.rejects(runVersus(silent, options, here), (error: Error) => error instanceof CommandFailure && /wrote no result: no adapter here/.test(error.message));
});
