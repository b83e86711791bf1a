import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError } from '../src/engine/index.js';
import { concatLast, gatherRows, meanPool, patchEmbed, patchify, patchMerge, transpose01 } from '../src/kernels/layout/index.js';
import { checkGradients } from './gradient-check.js';
import { randomValues, withEngine } from './helpers.js';
import * as reference from './reference/layout.js';

const input = (shape: readonly number[], seed: number) => ({
  shape,
  data: randomValues(shape.reduce((product, dimension) => product * dimension, 1), seed),
});

test('transpose01 exchanges the first two dimensions, both ways', () =>
  withEngine(async (engine) => {
    for (const shape of [[2, 3], [5, 7, 4], [1, 9, 3, 2], [33, 40, 32]] as const) {
      await checkGradients({
        engine,
        name: `transpose01 [${shape}]`,
        inputs: [input(shape, 1)],
        forward: ([x]) => transpose01(engine, x),
        reference: ([x]) => reference.transpose01(x, shape[0], shape[1]),
      });
    }
    assert.throws(() => transpose01(engine, engine.zeros([4])), ShapeError);
  }));

test('concatLast joins columns and splits the gradient', () =>
  withEngine(async (engine) => {
    const widths = [3, 1, 8];
    await checkGradients({
      engine,
      name: 'concatLast',
      inputs: widths.map((width, index) => input([2, 5, width], index)),
      forward: (parts) => concatLast(engine, parts),
      reference: (parts) => reference.concatLast(parts, widths),
    });
    assert.throws(() => concatLast(engine, [engine.zeros([2, 3]), engine.zeros([3, 3])]), ShapeError);
  }));

test("patchMerge gathers in Swin's order, odd maps zero-padded", () =>
  withEngine(async (engine) => {
    for (const [batch, height, width, channels] of [[2, 4, 6, 3], [1, 3, 5, 2], [1, 1, 1, 4], [2, 33, 32, 16]] as const) {
      await checkGradients({
        engine,
        name: `patchMerge ${height} x ${width}`,
        inputs: [input([batch, height, width, channels], 2)],
        forward: ([x]) => patchMerge(engine, x),
        reference: ([x]) => reference.patchMerge(x, batch, height, width, channels),
      });
    }
  }));

test('patchify cuts patches, and patchEmbed is its 4 x 4 case', () =>
  withEngine(async (engine) => {
    for (const [batch, height, width, channels, size] of [[2, 8, 12, 3, 4], [1, 6, 4, 5, 2]] as const) {
      await checkGradients({
        engine,
        name: `patchify ${size}`,
        inputs: [input([batch, height, width, channels], 3)],
        forward: ([x]) => patchify(engine, x, size),
        reference: ([x]) => reference.patchify(x, batch, height, width, channels, size),
      });
    }
    assert.deepEqual(patchEmbed(engine, engine.zeros([2, 8, 8, 3])).shape, [2, 2, 2, 48]);
    assert.throws(() => patchEmbed(engine, engine.zeros([2, 6, 8, 3])), ShapeError);
  }));

test('meanPool averages over the tokens', () =>
  withEngine(async (engine) => {
    for (const [batch, tokens, channels] of [[2, 49, 24], [1, 1, 3], [3, 100, 70]] as const) {
      await checkGradients({
        engine,
        name: `meanPool [${batch}, ${tokens}, ${channels}]`,
        inputs: [input([batch, tokens, channels], 4)],
        forward: ([x]) => meanPool(engine, x),
        reference: ([x]) => reference.meanPool(x, batch, tokens, channels),
      });
    }
  }));

test('gatherRows takes rows by number', () =>
  withEngine(async (engine) => {
    const table = engine.tensor(Float32Array.from({ length: 12 }, (_, index) => index), [4, 3]);
    const rows = gatherRows(engine, table, engine.tensor(Uint32Array.of(2, 0, 2), [3]));
    assert.deepEqual([...(await engine.read(rows))], [6, 7, 8, 0, 1, 2, 6, 7, 8]);
  }));
