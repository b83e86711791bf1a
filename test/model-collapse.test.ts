import assert from 'node:assert/strict';
import { test } from 'node:test';
import { featureSpread, planEntropy } from '../src/model/collapse.js';

/** Sums over rows of [N, D]. */
function moments(rows: number[][]): { second: number[]; mean: number[] } {
  const dim = rows[0].length;
  const second = new Array<number>(dim * dim).fill(0);
  for (const row of rows) for (let a = 0; a < dim; a++) for (let b = 0; b < dim; b++) second[a * dim + b] += row[a] * row[b];
  return { second, mean: Array.from({ length: dim }, (_, a) => rows.reduce((sum, row) => sum + row[a], 0) / rows.length) };
}

test('collapsed features have no spread', () => {
  const { second, mean } = moments([[0.6, 0.8], [0.6, 0.8], [0.6, 0.8]]);
  const spread = featureSpread(second, mean, 3);
  assert.ok(spread.featureStd < 1e-7);
});

test('features along every axis have full rank, along one axis rank one', () => {
  const all = moments([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]);
  const spread = featureSpread(all.second, all.mean, 6);
  assert.ok(Math.abs(spread.effectiveRank - 3) < 1e-9);
  assert.ok(Math.abs(spread.featureStd - 1 / Math.sqrt(3)) < 1e-9);
  const line = moments([[1, 0, 0], [-1, 0, 0]]);
  assert.ok(Math.abs(featureSpread(line.second, line.mean, 2).effectiveRank - 1) < 1e-9);
});

test('a uniform plan has entropy one, a permutation log n / log n^2', () => {
  assert.ok(Math.abs(planEntropy(new Array(9).fill(1 / 9), 9) - 1) < 1e-12);
  const permutation = [1, 0, 0, 0, 1, 0, 0, 0, 1].map((value) => value / 3);
  assert.ok(Math.abs(planEntropy([...permutation, ...permutation], 9) - 0.5) < 1e-12);
});
