/** What the benchmark's checks of large products see: results that are wrong in one place, one column, one lane of a vector. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relativeError } from '../src/verify/compare.js';
import type { Expected } from '../src/verify/index.js';
import { randomValues } from '../src/verify/values.js';
import { repeated, type Doubles, type OpCase } from '../bench/suites/case.js';
import { hashedLines, hashedPlaces } from '../bench/suites/places.js';
import { sampledGeluLinear, sampledMlp } from '../bench/suites/sampled-gelu.js';
import { sampledLinear, sampledProduct, sampledTransposed } from '../bench/suites/sampled.js';
import { erf } from './reference/elementwise.js';

const values = (count: number, seed: number): Float64Array => Float64Array.from(randomValues(count, seed));

/** Σ_k a(i, k) b(k, j) with a term that is added: the whole result, by the definition. */
function whole(m: number, n: number, k: number, a: (i: number, at: number) => number, b: (at: number, j: number) => number, added: (i: number, j: number) => number = () => 0): Float64Array {
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let at = 0; at < k; at++) for (let j = 0, left = a(i, at); j < n; j++) y[i * n + j] += left * b(at, j);
  return y.map((value, place) => value + added(Math.floor(place / n), place % n));
}

/** A whole output and how many columns it has. */
interface Output {
  readonly y: Float64Array;
  readonly columns: number;
}

/** An op's outputs, by the definition, and the check of them. */
interface Checked {
  readonly expected: Record<string, Expected>;
  readonly outputs: Readonly<Record<string, Output>>;
}

function checked(expected: OpCase['expected'], doubles: Doubles, outputs: Checked['outputs']): Checked {
  const given = expected(doubles, () => true);
  assert.deepEqual(Object.keys(given).sort(), Object.keys(outputs).sort());
  return { expected: given, outputs };
}

/** The width of Swin-T's first stage, whose multiples of 32 evenly spread places keep falling on. */
const [M, N, K] = [1568, 96, 64];

function product(): Checked {
  const [a, b, dy] = [values(M * K, 1), values(K * N, 2), values(M * N, 3)];
  return checked(sampledProduct(M, N, K), { inputs: { a, b }, dy }, {
    y: { y: whole(M, N, K, (i, at) => a[i * K + at], (at, j) => b[at * N + j]), columns: N },
    'd/d a': { y: whole(M, K, N, (i, at) => dy[i * N + at], (at, j) => b[j * N + at]), columns: K },
    'd/d b': { y: whole(K, N, M, (i, at) => a[at * K + i], (at, j) => dy[at * N + j]), columns: N },
  });
}

function transposedProduct(): Checked {
  const [dy, x] = [values(M * N, 4), values(M * K, 5)];
  return checked(sampledTransposed(N, K, M), { inputs: { dy, x }, dy: new Float64Array() }, { y: { y: whole(N, K, M, (i, at) => dy[at * N + i], (at, j) => x[at * K + j]), columns: K } });
}

function linear(): Checked {
  const [x, weight, bias, residual, dy] = [values(M * K, 6), values(N * K, 7), values(N, 8), values(M * N, 9), values(M * N, 10)];
  return checked(sampledLinear(M, N, K), { inputs: { x, weight, bias, residual }, dy }, {
    y: { y: whole(M, N, K, (i, at) => x[i * K + at], (at, j) => weight[j * K + at], (i, j) => bias[j] + residual[i * N + j]), columns: N },
    'd/d x': { y: whole(M, K, N, (i, at) => dy[i * N + at], (at, j) => weight[at * K + j]), columns: K },
    'd/d weight': { y: whole(N, K, M, (i, at) => dy[at * N + i], (at, j) => x[at * K + j]), columns: K },
    'd/d bias': { y: whole(1, N, M, () => 1, (at, j) => dy[at * N + j]), columns: N },
    'd/d residual': { y: dy.slice(), columns: N },
  });
}

const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));
/** By central differences: its formula is in the check itself. */
const slope = (x: number): number => (gelu(x + 1e-5) - gelu(x - 1e-5)) / 2e-5;

function geluLinear(): Checked {
  const [x, weight, bias, residual, dy] = [values(M * K, 11), values(N * K, 12).map((value) => value / 8), values(N, 13), values(M * N, 14), values(M * N, 15)];
  const before = whole(M, N, K, (i, at) => x[i * K + at], (at, j) => weight[j * K + at], (_, j) => bias[j]);
  const dz = before.map((value, at) => dy[at] * slope(value));
  return checked(sampledGeluLinear(M, N, K), { inputs: { x, weight, bias, residual }, dy }, {
    y: { y: before.map((value, at) => gelu(value) + residual[at]), columns: N },
    'd/d x': { y: whole(M, K, N, (i, at) => dz[i * N + at], (at, j) => weight[at * K + j]), columns: K },
    'd/d weight': { y: whole(N, K, M, (i, at) => dz[at * N + i], (at, j) => x[at * K + j]), columns: K },
    'd/d bias': { y: whole(1, N, M, () => 1, (at, j) => dz[at * N + j]), columns: N },
    'd/d residual': { y: dy.slice(), columns: N },
  });
}

function mlp(): Checked {
  const hidden = 128;
  const [x, up, upBias, residual, dy] = [values(M * K, 16), values(hidden * K, 17).map((value) => value / 8), values(hidden, 18), values(M * N, 19), values(M * N, 20)];
  const [down, downBias] = [values(N * hidden, 21).map((value) => value / 11), values(N, 22)];
  const before = whole(M, hidden, K, (i, at) => x[i * K + at], (at, u) => up[u * K + at], (_, u) => upBias[u]);
  const inner = before.map(gelu);
  const dz = whole(M, hidden, N, (i, at) => dy[i * N + at], (at, u) => down[at * hidden + u]).map((value, at) => value * slope(before[at]));
  return checked(sampledMlp({ tokens: M, inputs: K, hidden, outputs: N }), { inputs: { x, up, upBias, down, downBias, residual }, dy }, {
    y: { y: whole(M, N, hidden, (i, at) => inner[i * hidden + at], (at, j) => down[j * hidden + at], (i, j) => downBias[j] + residual[i * N + j]), columns: N },
    'd/d x': { y: whole(M, K, hidden, (i, at) => dz[i * hidden + at], (at, j) => up[at * K + j]), columns: K },
    'd/d up': { y: whole(hidden, K, M, (u, at) => dz[at * hidden + u], (at, j) => x[at * K + j]), columns: K },
    'd/d upBias': { y: whole(1, hidden, M, () => 1, (at, u) => dz[at * hidden + u]), columns: hidden },
    'd/d down': { y: whole(N, hidden, M, (j, at) => dy[at * N + j], (at, u) => inner[at * hidden + u]), columns: hidden },
    'd/d downBias': { y: whole(1, N, M, () => 1, (at, j) => dy[at * N + j]), columns: N },
    'd/d residual': { y: dy.slice(), columns: N },
  });
}

/** Those that projections of rows see whole, and those with GELU; made once, since a whole mlp takes half a second. */
const BILINEAR: Readonly<Record<string, Checked>> = { product: product(), 'transposed product': transposedProduct(), linear: linear() };
const LAYERS: Readonly<Record<string, Checked>> = { ...BILINEAR, 'linear with GELU': geluLinear(), mlp: mlp() };

/** How far an output is off, in tolerances, after `spoil` changed a copy of the right one. */
function off({ expected, outputs }: Checked, output: string, spoil: (y: Float64Array, columns: number) => void): number {
  const { y, columns } = outputs[output];
  const wrong = y.slice();
  spoil(wrong, columns);
  return relativeError(wrong, expected[output]) / expected[output].tolerance;
}

/** Components of every vector of four changed places: y and z. */
function swapComponents(y: Float64Array): void {
  for (let at = 0; at + 3 < y.length; at += 4) [y[at + 1], y[at + 2]] = [y[at + 2], y[at + 1]];
}

/** Rows 4 q + 1 and 4 q + 2 changed places. */
function swapRows(y: Float64Array, columns: number): void {
  for (let row = 0; row + 3 < y.length / columns; row += 4) {
    for (let column = 0, first = (row + 1) * columns; column < columns; column++, first++) [y[first], y[first + columns]] = [y[first + columns], y[first]];
  }
}

test('right results are within a ten-thousandth of the tolerance', () => {
  for (const [layer, given] of Object.entries(LAYERS)) {
    // Where the derivative of GELU comes from central differences, their error is left.
    for (const output of Object.keys(given.outputs)) assert.ok(off(given, output, () => {}) < 1e-4, `${layer}, ${output}`);
  }
});

test('one wrong column is seen, whichever it is', () => {
  for (const [layer, given] of Object.entries(LAYERS)) {
    for (const [output, { columns }] of Object.entries(given.outputs)) {
      // Columns of d/d down, and both bias gradients of layers with GELU, are followed for some units only.
      const someUnits = output === 'd/d down' || (layer !== 'linear' && (output === 'd/d bias' || output === 'd/d upBias'));
      const wrong = someUnits ? [0, columns - 1] : [0, 1, 2, 3, 33, columns - 2, columns - 1];
      for (const column of wrong) {
        const error = off(given, output, (y) => {
          for (let at = column; at < y.length; at += columns) y[at] = -y[at];
        });
        assert.ok(error > 10, `${layer}, column ${column} of ${output}: ${error} tolerances`);
      }
    }
  }
});

test('y and z of vectors that changed places, and rows that did, are seen', () => {
  for (const [layer, given] of Object.entries(LAYERS)) {
    for (const [output, { y, columns }] of Object.entries(given.outputs)) {
      const components = off(given, output, swapComponents);
      assert.ok(components > 10, `${layer}, components of ${output}: ${components} tolerances`);
      if (columns === y.length) continue;
      const rows = off(given, output, swapRows);
      assert.ok(rows > 10, `${layer}, rows of ${output}: ${rows} tolerances`);
    }
  }
});

test('one column of one tile, and a single element as large as half of the largest, are seen wherever they are', () => {
  for (const [layer, given] of Object.entries(BILINEAR)) {
    for (const [output, { y, columns }] of Object.entries(given.outputs)) {
      const rows = y.length / columns;
      for (let tile = 0; tile + 32 <= rows; tile += 32) {
        const column = (7 * tile + 5) % columns;
        const error = off(given, output, (wrong) => {
          for (let row = tile; row < tile + 32; row++) wrong[row * columns + column] = 0;
        });
        assert.ok(error > 10, `${layer}, column ${column} of the tile at row ${tile} of ${output}: ${error} tolerances`);
      }
      const half = 0.5 * y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (let at = 1; at < y.length; at += Math.ceil(y.length / 37)) {
        const error = off(given, output, (wrong) => (wrong[at] += half));
        assert.ok(error > 10, `${layer}, element ${at} of ${output}: ${error} tolerances`);
      }
    }
  }
});

test('places take every residue modulo 32 of rows and of columns, and the ends', () => {
  const residues = (numbers: readonly number[], modulus: number): number => new Set(numbers.map((number) => number % modulus)).size;
  for (const [rows, columns] of [[3136, 96], [97, 3072], [40, 35]]) {
    const places = hashedPlaces(rows, columns, 128);
    assert.equal(residues(places.map(([row]) => row), 32), 32);
    assert.equal(residues(places.map(([, column]) => column), 32), 32);
    for (const row of [0, rows - 1]) for (const column of [0, columns - 1]) assert.ok(places.some(([i, j]) => i === row && j === column));
    assert.ok(places.every(([i, j]) => i >= 0 && i < rows && j >= 0 && j < columns));
  }
  for (const size of [3136, 96]) {
    assert.equal(residues(hashedLines(size, 6).slice(2), 4), 4);
    assert.equal(residues(hashedLines(size, 66), 32), 32);
  }
  for (const size of [1, 2, 5]) assert.ok(hashedLines(size, 8).every((line) => line >= 0 && line < size) && hashedLines(size, 8).includes(size - 1));
});

test('the check of rows that repeat still sees every row', () => {
  const [rows, count] = [8, 5];
  const [x, weight, bias, dy] = [values(rows * K, 30), values(N * K, 31), values(N, 32), values(rows * N, 33)];
  const tile = (part: Float64Array): Float64Array => Float64Array.from({ length: part.length * count }, (_, at) => part[at % part.length]);
  const expected = repeated(count, ['x'], sampledLinear(rows, N, K))({ inputs: { x: tile(x), weight, bias }, dy: tile(dy) }, () => true);
  const y = tile(whole(rows, N, K, (i, at) => x[i * K + at], (at, j) => weight[j * K + at], (_, j) => bias[j]));
  const dweight = whole(N, K, rows, (i, at) => dy[at * N + i], (at, j) => x[at * K + j]).map((value) => count * value);
  assert.ok(relativeError(y, expected.y) < 1e-12);
  assert.ok(relativeError(dweight, expected['d/d weight']) < 1e-12);
  // An element of a repetition that no place lies in.
  y[2 * rows * N + 3 * N + 5] += 1;
  dweight[7 * K + 5] *= -1;
  assert.ok(relativeError(y, expected.y) > 10 * expected.y.tolerance);
  assert.ok(relativeError(dweight, expected['d/d weight']) > 10 * expected['d/d weight'].tolerance);
});
