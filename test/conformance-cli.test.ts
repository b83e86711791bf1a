/** `zygo conformance` as a process: lines, exit codes, --json, and sentences for what cannot be used. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { decodeSafetensors, encodeSafetensors } from '../src/model/checkpoint/safetensors.js';
import { zygo, type Ended } from './cli-process.js';

const CASES = resolve('test', 'fixtures', 'conformance');

let folder = '';

/** A committed case with one number of one tensor moved by 1 %, or with another op. */
async function spoil(from: string, to: string, { tensor, op }: { tensor?: string; op?: string }): Promise<void> {
  const file = join(CASES, from);
  const { tensors, metadata } = decodeSafetensors(await readFile(file), file);
  if (tensor) {
    const { data } = tensors.get(tensor) ?? assert.fail(`${from} has no ${tensor}`);
    data[data.length - 1] *= 1.01;
  }
  await writeFile(join(folder, to), encodeSafetensors({ tensors, metadata: new Map([...metadata, ...(op ? [['op', op] as const] : [])]) }));
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zygo-conformance-'));
  for (const name of ['good/deep', 'empty', 'mixed']) await mkdir(join(folder, name), { recursive: true });
  await copyFile(join(CASES, 'matmul-one.safetensors'), join(folder, 'good', 'one.safetensors'));
  await copyFile(join(CASES, 'softmax-one.safetensors'), join(folder, 'good', 'deep', 'softmax.safetensors'));
  await writeFile(join(folder, 'good', 'notes.txt'), 'not a case');
  await copyFile(join(CASES, 'matmul-one.safetensors'), join(folder, 'mixed', 'a-good.safetensors'));
  await spoil('matmul-row.safetensors', 'mixed/b-wrong.safetensors', { tensor: 'grad.b' });
  await spoil('matmul-one.safetensors', 'mixed/c-unknown.safetensors', { op: 'convolve' });
  await copyFile(join(CASES, 'softmax-one.safetensors'), join(folder, 'mixed', 'd-good.safetensors'));
  const whole = await readFile(join(CASES, 'softmax-one.safetensors'));
  await writeFile(join(folder, 'cut.safetensors'), whole.subarray(0, whole.length - 5));
});

after(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Ended> => zygo(['conformance', ...args], { cwd: folder });

const lastLine = ({ stdout }: Ended): string => stdout.trimEnd().split('\n').at(-1) ?? '';

test('cases that pass: a line for each, folders searched to the bottom, exit code 0', async () => {
  // A folder and a file in it: each case once.
  const ended = await run('good', 'good/one.safetensors', '--adapter', 'auto');
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stderr, '');
  assert.equal(lastLine(ended), '2 passed, 0 failed');
  const lines = ended.stdout.split('\n').filter((line) => line.startsWith('passed'));
  assert.equal(lines.length, 2);
  const number = String.raw`(0|\d\.\de[+-]\d+)`;
  const error = (name: string) => String.raw`${name} ${number} \(${number}\)`;
  assert.match(
    lines[1],
    new RegExp(String.raw`^passed  matmul  a \[1, 1\], b \[1, 1\] -> y \[1, 1\]  error ${error('y')}, ${error('grad\\.a')}, ${error('grad\\.b')}  good/one\.safetensors$`),
  );
});

test('a wrong number and an unknown op fail by name, the others pass, exit code 1, and --json holds all of it', async () => {
  const ended = await run('mixed', '--json', 'report.json');
  assert.equal(ended.code, 1);
  assert.equal(lastLine(ended), '2 passed, 2 failed');
  assert.match(ended.stdout, /^failed  matmul .* mixed\/b-wrong\.safetensors  gradient b at \[299, 0\] is .*, expected .*: relative error \d/m);
  assert.match(ended.stdout, /^failed  convolve .* there is no op "convolve"; expected one of matmul, linear, .*, adamw, swin$/m);
  const report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
  assert.deepEqual([report.passed, report.failed, report.unreadable], [2, 2, 0]);
  assert.equal(typeof report.adapter.software, 'boolean');
  const [good, wrong, unknown] = report.cases;
  assert.deepEqual([good.op, good.verdict, good.inputs], ['matmul', 'passed', { a: [1, 1], b: [1, 1] }]);
  assert.match(good.madeWith, /torch/);
  assert.deepEqual(wrong.outputs.map((one: { name: string; passed: boolean }) => [one.name, one.passed]), [['y', true]]);
  const verdicts = Object.fromEntries(wrong.gradients.map((one: { name: string; passed: boolean }) => [one.name, one.passed]));
  assert.deepEqual(verdicts, { a: true, b: false });
  const b = wrong.gradients.find((one: { name: string }) => one.name === 'b');
  assert.ok(b.relativeError > b.tolerance && b.absoluteError > 0 && b.scale > 0);
  assert.deepEqual([unknown.verdict, unknown.outputs], ['failed', []]);
  assert.match(unknown.problems[0], /no op "convolve"/);
});

test('an unreadable case is named, does not stop the others, exit code 2', async () => {
  const ended = await run('cut.safetensors', 'good/one.safetensors', '--json', 'cut.json');
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /^cut\.safetensors, tensor .*: .* cut off or damaged\.\n$/);
  assert.equal(lastLine(ended), '1 unreadable, 1 passed, 0 failed');
  const report = JSON.parse(await readFile(join(folder, 'cut.json'), 'utf8'));
  assert.deepEqual(report.cases.map(({ verdict }: { verdict: string }) => verdict), ['unreadable', 'passed']);
});

test('--tolerance takes the place of every default', async () => {
  const loose = await run('mixed/b-wrong.safetensors', '--tolerance', '0.05');
  assert.equal(loose.code, 0, loose.stdout);
});

for (const [name, args, sentence] of [
  ['no path', [], /[Mm]issing required argument 'path'/],
  ['a path that is not there', ['nowhere'], /There is no file or folder nowhere \(ENOENT\)/],
  ['an empty folder', ['empty'], /The folder empty holds no conformance case: expected files that end in \.safetensors/],
  ['a tolerance that is no number', ['good', '--tolerance', 'tight'], /--tolerance is "tight": expected a number from 0/],
  ['an unknown adapter', ['good', '--adapter', 'cuda'], /--adapter is "cuda": expected one of auto, software/],
  ['a report in no folder', ['good', '--json', 'no/where.json'], /--json no\/where\.json cannot be written: there is no folder no\./],
  ['a report that is a folder', ['good', '--json', 'empty'], /--json empty is a folder: expected a file to write/],
] as const) {
  test(`${name}: exit code 2 and one sentence`, async () => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, sentence);
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  });
}
