import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectiveRank } from '../src/model/collapse.js';

/** Sums over rows of [N, D]. */
function moments(rows: number[][]): { second: number[]; mean: number[] } {
  const dim = rows[0].length;
  const second = new Array<number>(dim * dim).fill(0);
  for (const row of rows) for (let a = 0; a < dim; a++) for (let b = 0; b < dim; b++) second[a * dim + b] += row[a] * row[b];
  return { second, mean: Array.from({ length: dim }, (_, a) => rows.reduce((sum, row) => sum + row[a], 0) / rows.length) };
}

test('features that are all one point have rank zero', () => {
  const { second, mean } = moments([[1, 0], [1, 0], [1, 0]]);
  assert.equal(effectiveRank(second, mean, 3), 0);
});

test('features along every axis have full rank, along one axis rank one', () => {
  const all = moments([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]);
  assert.ok(Math.abs(effectiveRank(all.second, all.mean, 6) - 3) < 1e-9);
  const line = moments([[1, 0, 0], [-1, 0, 0]]);
  assert.ok(Math.abs(effectiveRank(line.second, line.mean, 2) - 1) < 1e-9);
});
