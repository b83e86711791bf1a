import assert from 'node:assert/strict';
import { test } from 'node:test';
import { philox, uniform } from '../src/kernels/random/index.js';
import { randomValues, withEngine } from './helpers.js';
import * as reference from './reference/random.js';

/** Known-answer vectors of Random123 (kat_vectors, philox4x32 10 rounds): counter, key, result. */
const KNOWN_ANSWERS = [
  [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
] as const;

test('Philox gives the known answers and equals 64-bit arithmetic', () =>
  withEngine(async (engine) => {
    const words = (count: number, seed: number) => Array.from(randomValues(count, seed), (value) => Math.floor((value + 1) * 2 ** 31));
    const counters = [...KNOWN_ANSWERS.flatMap(([counter]) => [...counter]), ...words(4 * 100, 1)];
    const keys = [...KNOWN_ANSWERS.flatMap(([, key]) => [...key]), ...words(2 * 100, 2)];
    const count = keys.length / 2;
    const bits = await engine.read(philox(engine, engine.tensor(Uint32Array.from(counters), [count, 4]), engine.tensor(Uint32Array.from(keys), [count, 2])));
    KNOWN_ANSWERS.forEach(([, , answer], index) => assert.deepEqual([...bits.subarray(4 * index, 4 * index + 4)], [...answer]));
    for (let index = 0; index < count; index++) {
      const expected = reference.philox(counters.slice(4 * index, 4 * index + 4), keys.slice(2 * index, 2 * index + 2));
      assert.deepEqual([...bits.subarray(4 * index, 4 * index + 4)], expected);
    }
  }));

test('uniform numbers depend on seed, step and op, and on nothing else', () =>
  withEngine(async (engine) => {
    const draw = async (seed: number, step: number, op: number) => [...(await engine.read(uniform(engine, [7, 3], engine.tensor(Uint32Array.of(seed, step), [2]), op)))];
    const first = await draw(1, 2, 3);
    assert.deepEqual(await draw(1, 2, 3), first);
    for (const other of [await draw(2, 2, 3), await draw(1, 3, 3), await draw(1, 2, 4)]) assert.notDeepEqual(other, first);
    const expected = Array.from({ length: 6 }, (_, quad) => reference.uniforms([quad, 0, 3, 2], [1, 0x554e4946])).flat();
    assert.deepEqual(first, expected.slice(0, 21));
    const many = [...(await engine.read(uniform(engine, [20000], engine.tensor(Uint32Array.of(5, 6), [2]), 0)))];
    const average = many.reduce((sum, value) => sum + value, 0) / many.length;
    assert.ok(Math.abs(average - 0.5) < 0.01 && Math.min(...many) >= 0 && Math.max(...many) < 1);
  }));
