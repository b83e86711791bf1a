/** Reading and comparing cases: what is wrong with a case is named, and a wrong number is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../src/conformance/compare.js';
import { parseCase, runCase, type CaseTensor, type ConformanceCase } from '../src/conformance/index.js';
import { encodeSafetensors, type SafetensorsTensor } from '../src/model/checkpoint/safetensors.js';
import { InputError } from '../src/engine/index.js';
import { withEngine } from './helpers.js';

const f32 = (shape: readonly number[], ...values: number[]): CaseTensor => ({ dtype: 'F32', shape, data: Float32Array.from(values) });

function fileOf(op: string | null, config: string | null, tensors: Readonly<Record<string, SafetensorsTensor>>): Uint8Array {
  const metadata = new Map([...(op === null ? [] : [['op', op] as const]), ...(config === null ? [] : [['config', config] as const])]);
  return encodeSafetensors({ tensors: new Map(Object.entries(tensors)), metadata });
}

const MATMUL = {
  'input.a': f32([1, 2], 2, 3),
  'input.b': f32([2, 1], 5, 7),
  'output.y': f32([1, 1], 31),
  'cotangent.y': f32([1, 1], 2),
  'grad.a': f32([1, 2], 10, 14),
  'grad.b': f32([2, 1], 4, 6),
};

const parsed = (tensors: Readonly<Record<string, SafetensorsTensor>>, op = 'matmul', config = '{}'): ConformanceCase =>
  parseCase(fileOf(op, config, tensors), 'my.safetensors');

test('a case is read whole', () => {
  const { op, config, inputs, outputs, cotangents, gradients, madeWith } = parsed(MATMUL, 'matmul', '{"transposeA": false}');
  assert.equal(op, 'matmul');
  assert.deepEqual(config, { transposeA: false });
  assert.deepEqual([inputs, outputs, cotangents, gradients].map((named) => [...named.keys()].join()), ['a,b', 'y', 'y', 'a,b']);
  assert.equal(madeWith, null);
});

test('what makes a case unreadable is named with its file', () => {
  const refuses = (bytes: Uint8Array, sentence: RegExp) =>
    assert.throws(
      () => parseCase(bytes, 'my.safetensors'),
      (error: Error) => error instanceof InputError && error.message.startsWith('my.safetensors') && sentence.test(error.message),
    );
  refuses(new Uint8Array(3), /is not a safetensors file, or is cut off/);
  refuses(fileOf(null, '{}', MATMUL), /is no conformance case: its __metadata__ has no "op"/);
  refuses(fileOf('matmul', null, MATMUL), /has no "config"/);
  refuses(fileOf('matmul', '{', MATMUL), /config is not valid JSON/);
  refuses(fileOf('matmul', '[1]', MATMUL), /config is \[1\], expected a JSON object/);
  refuses(fileOf('matmul', '{}', { ...MATMUL, 'gradient.a': f32([1], 1) }), /tensor gradient\.a: expected a name that begins with input\., output\., cotangent\., grad\./);
  refuses(fileOf('matmul', '{}', { ...MATMUL, 'input.': f32([1], 1) }), /tensor input\.: expected a name/);
  refuses(fileOf('matmul', '{}', { ...MATMUL, 'input.c': { dtype: 'U8', shape: [1], data: Uint8Array.of(1) } }), /tensor input\.c: dtype "U8", expected F32 or I32/);
  refuses(fileOf('matmul', '{}', { 'input.a': f32([1], 1) }), /nothing to compare/);
  refuses(fileOf('matmul', '{}', { 'input.a': f32([1], 1), 'grad.a': f32([1], 1) }), /holds gradients but no cotangent/);
  refuses(fileOf('matmul', '{}', { ...MATMUL, 'grad.c': f32([1], 1) }), /tensor grad\.c: there is no input\.c/);
});

test("a state dict's index buffers are left out, whatever their dtype", () => {
  const bytes = fileOf('swin', '{}', { 'output.logits': f32([1], 1), 'input.param.attn.relative_position_index': f32([2], 0, 1) });
  const text = new TextDecoder('latin1').decode(bytes).replace('"dtype":"F32","shape":[2]', '"dtype":"I64","shape":[1]');
  const { inputs } = parseCase(Uint8Array.from(text, (letter) => letter.charCodeAt(0)), 'my.safetensors');
  assert.deepEqual([...inputs.keys()], []);
});

test('errors are relative to the largest magnitude, and the worst place is named', () => {
  const comparand = { kind: 'output', name: 'y', expected: f32([2, 2], 1, -4, 0.5, 2), tolerance: 1e-2, source: 1 } as const;
  const near = compare(comparand, [1.01, -4, 0.5, 2.02], [2, 2]);
  assert.ok(Math.abs(near.absoluteError - 0.02) < 1e-12 && Math.abs(near.relativeError - 0.005) < 1e-12);
  assert.equal(near.passed, true);
  assert.deepEqual(near.worst?.index, [1, 1]);
  const far = compare(comparand, [1, -4, 0.4, 2], [2, 2]);
  assert.equal(far.passed, false);
  assert.match(far.problem ?? '', /output y at \[1, 0\] is 0\.4, expected 0\.5: relative error 2\.5e-2, allowed 0\.01/);
  assert.match(compare(comparand, [1, -4], [2]).problem ?? '', /output y has shape \[2\], expected \[2, 2\]/);
});

test('numbers that are not finite only equal themselves', () => {
  const expected = f32([3], NaN, Infinity, 2);
  const comparand = { kind: 'gradient', name: 'x', expected, tolerance: 1e-4, source: 1 } as const;
  assert.equal(compare(comparand, [NaN, Infinity, 2], [3]).passed, true);
  for (const actual of [[0, Infinity, 2], [NaN, -Infinity, 2], [NaN, Infinity, NaN], [NaN, 3, 2]]) {
    const { passed, absoluteError } = compare(comparand, actual, [3]);
    assert.equal(passed, false, String(actual));
    assert.equal(absoluteError, Infinity);
  }
});

test('a tensor that is only rounding is compared with what it was computed from, a small one with itself', () => {
  const comparison = (expected: number, actual: number) =>
    compare({ kind: 'gradient', name: 'x', expected: f32([1], expected), tolerance: 1e-4, source: 2 }, [actual], [1]);
  assert.deepEqual([comparison(1e-17, 3e-8).passed, comparison(0, 3e-8).passed, comparison(0, 1e-3).passed], [true, true, false]);
  assert.deepEqual([comparison(1e-9, 1.00001e-9).passed, comparison(1e-9, 1.1e-9).passed], [true, false]);
});

test('a perturbed number fails under its own name, everything else beside it passes', () =>
  withEngine(async (engine) => {
    assert.equal((await runCase(engine, parsed(MATMUL))).passed, true);
    for (const name of ['output.y', 'grad.a', 'grad.b'] as const) {
      const { dtype, shape, data } = MATMUL[name];
      const changed = Float32Array.from(data);
      changed[changed.length - 1] *= 1.001;
      const { passed, comparisons, problems } = await runCase(engine, parsed({ ...MATMUL, [name]: { dtype, shape, data: changed } }));
      assert.equal(passed, false);
      const wrong = comparisons.filter((comparison) => !comparison.passed);
      assert.deepEqual(wrong.map((comparison) => comparison.name), [name.split('.')[1]]);
      assert.equal(problems.length, 1);
      assert.match(problems[0], /relative error 1\.0e-3/);
      assert.equal((await runCase(engine, parsed({ ...MATMUL, [name]: { dtype, shape, data: changed } }), 2e-3)).passed, true, 'within a tolerance of 2e-3');
    }
  }));

test('what an op does not take or give is a failure in words; what a case lacks is an error', () =>
  withEngine(async (engine) => {
    const problems = async (tensors: Readonly<Record<string, SafetensorsTensor>>, op?: string, config?: string) =>
      (await runCase(engine, parsed(tensors, op, config))).problems.join('; ');
    assert.match(await problems(MATMUL, 'convolve'), /there is no op "convolve"; expected one of matmul, linear, layer_norm, softmax, .*, swin/);
    assert.match(await problems(MATMUL, 'toString'), /there is no op "toString"/);
    assert.match(await problems({ ...MATMUL, 'output.z': f32([1], 1) }), /the op matmul has no output z; it has y/);
    assert.match(await problems({ ...MATMUL, 'input.c': f32([1], 1), 'grad.c': f32([1], 1) }), /gives no gradient of c; it gives gradients for a, b/);
    assert.match(await problems({ ...MATMUL, 'input.b': f32([3, 1], 1, 2, 3) }), /matmul sums over 2 columns of a and 3 rows of b/);
    assert.match(await problems({ ...MATMUL, 'cotangent.y': f32([1], 2) }), /cotangent\.y has shape \[1\], expected \[1, 1\]/);
    assert.match(await problems({ ...MATMUL, 'output.y': f32([1], 31) }), /output y has shape \[1, 1\], expected \[1\]/);
    const { 'input.b': left, 'grad.b': right, ...without } = MATMUL;
    assert.ok(left && right);
    await assert.rejects(runCase(engine, parsed(without)), /my\.safetensors: the op matmul needs input\.b; the case has a\./);
    await assert.rejects(runCase(engine, parsed(MATMUL, 'matmul', '{"transposeA": "yes"}')), /config\.transposeA is "yes", expected true or false for the op matmul/);
    await assert.rejects(
      runCase(engine, parsed({ 'input.cost': f32([1, 1, 1], 1), 'input.a': f32([1, 1], 1), 'input.b': f32([1, 1], 1), 'output.plan': f32([1, 1, 1], 1) }, 'sinkhorn')),
      /config has no "epsilon", expected a number for the op sinkhorn/,
    );
  }));
