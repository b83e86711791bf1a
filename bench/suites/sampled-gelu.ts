/**
 * Float64 values of layers with GELU, which no projection sees through: some rows of x and some hidden units are followed
 * through the layer, and everything that belongs to one of them is compared, which costs little more than one element.
 */
import { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { erf } from '../../test/reference/elementwise.js';
import type { OpCase } from './case.js';
import { hashedLines } from './places.js';
import { columnSums, onlyWanted } from './sampled.js';

/** Rows or units that are followed: as many as these multiply-adds (a fifth of a second or so) pay for, within two bounds. */
const MULTIPLY_ADDS = 2e8;
const FEWEST_LINES = 6;
const MOST_LINES = 66;

function linesOf(size: number, multiplyAdds: number): number[] {
  return hashedLines(size, Math.max(FEWEST_LINES, Math.min(MOST_LINES, Math.floor(MULTIPLY_ADDS / multiplyAdds))));
}

/** Whole rows of a matrix. */
function rowsOf(columns: number, lines: readonly number[], tolerance: number, row: (line: number) => ArrayLike<number>): Expected {
  const at: number[] = [];
  const values: number[] = [];
  for (const line of lines) {
    const own = row(line);
    for (let column = 0; column < columns; column++) {
      at.push(line * columns + column);
      values.push(own[column]);
    }
  }
  return { at, values, tolerance };
}

/** Whole columns of a matrix. */
function columnsOf(rows: number, columns: number, lines: readonly number[], tolerance: number, column: (line: number) => ArrayLike<number>): Expected {
  const { at, values } = rowsOf(rows, lines, tolerance, column);
  // Place (line, row) of the transposed matrix.
  return { at: at?.map((place) => (place % rows) * columns + Math.floor(place / rows)), values, tolerance };
}

function dot(a: Float64Array, from: number, b: Float64Array, other: number, count: number): number {
  let total = 0;
  for (let at = 0; at < count; at++) total += a[from + at] * b[other + at];
  return total;
}

/** Σ factors[i] · row i of a matrix of `columns` columns. */
function combined(factors: ArrayLike<number>, values: Float64Array, columns: number): Float64Array {
  const result = new Float64Array(columns);
  for (let row = 0; row < factors.length; row++) {
    for (let column = 0; column < columns; column++) result[column] += factors[row] * values[row * columns + column];
  }
  return result;
}

function columnOf(values: Float64Array, rows: number, columns: number, column: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => values[row * columns + column]);
}

/** A function of a line that remembers what it gave: outputs share it. */
function remembered<T>(of: (line: number) => T): (line: number) => T {
  const known = new Map<number, T>();
  return (line) => {
    const before = known.get(line);
    if (before !== undefined) return before;
    const value = of(line);
    known.set(line, value);
    return value;
  };
}

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/** Φ(x) + x φ(x), the derivative of GELU. */
function geluSlope(x: number): number {
  return 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

/** x Wᵀ + bias, x [m, k], weight [n, k], by rows of x and by units of the layer. */
function layerOf(x: Float64Array, weight: Float64Array, bias: Float64Array, { m, n, k }: { m: number; n: number; k: number }) {
  return {
    row: remembered((i) => Float64Array.from({ length: n }, (_, j) => bias[j] + dot(x, i * k, weight, j * k, k))),
    unit: remembered((j) => Float64Array.from({ length: m }, (_, i) => bias[j] + dot(x, i * k, weight, j * k, k))),
  };
}

const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** Of y = gelu(x Wᵀ + bias) + residual, x [m, k], weight [n, k]. */
export function sampledGeluLinear(m: number, n: number, k: number): OpCase['expected'] {
  return ({ inputs: { x, weight, bias, residual }, dy }, wanted) => {
    const before = layerOf(x, weight, bias, { m, n, k });
    const rows = linesOf(m, 2 * n * k);
    const units = linesOf(n, 2 * m * k);
    const slopeOfUnit = remembered((j) => before.unit(j).map((value, i) => dy[i * n + j] * geluSlope(value)));
    return onlyWanted(
      {
        y: () => rowsOf(n, rows, FORWARD_TOLERANCE, (i) => before.row(i).map((value, j) => gelu(value) + (residual?.[i * n + j] ?? 0))),
        'd/d x': () => rowsOf(k, rows, GRADIENT_TOLERANCE, (i) => combined(before.row(i).map((value, j) => dy[i * n + j] * geluSlope(value)), weight, k)),
        'd/d weight': () => rowsOf(k, units, GRADIENT_TOLERANCE, (j) => combined(slopeOfUnit(j), x, k)),
        'd/d bias': () => ({ at: units, values: units.map((j) => total(slopeOfUnit(j))), tolerance: GRADIENT_TOLERANCE }),
        ...(residual ? { 'd/d residual': (): Expected => ({ values: dy, tolerance: GRADIENT_TOLERANCE }) } : {}),
      },
      wanted,
    );
  };
}

/** x [tokens, inputs], a hidden layer, and the result [tokens, outputs]. */
export interface MlpSizes {
  readonly tokens: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly outputs: number;
}

/** Of y = gelu(x Uᵀ + u) Dᵀ + d + residual, U [hidden, inputs], D [outputs, hidden]. */
export function sampledMlp({ tokens: m, inputs: k, hidden: h, outputs: n }: MlpSizes): OpCase['expected'] {
  return ({ inputs: { x, up, upBias, down, downBias, residual }, dy }, wanted) => {
    const before = layerOf(x, up, upBias, { m, n: h, k });
    const rows = linesOf(m, 2 * h * (k + n));
    const units = linesOf(h, 2 * m * (k + n));
    const resultRow = (i: number): Float64Array => {
      const hidden = before.row(i).map(gelu);
      return Float64Array.from({ length: n }, (_, j) => downBias[j] + residual[i * n + j] + dot(hidden, 0, down, j * h, h));
    };
    /** dL/d of a row's values before GELU. */
    const slopeOfRow = (i: number): Float64Array => {
      const own = combined(dy.subarray(i * n, (i + 1) * n), down, h);
      return before.row(i).map((value, u) => geluSlope(value) * own[u]);
    };
    const slopeOfUnit = remembered((u) => {
      const weights = columnOf(down, n, h, u);
      return before.unit(u).map((value, i) => geluSlope(value) * dot(dy, i * n, weights, 0, n));
    });
    return onlyWanted(
      {
        y: () => rowsOf(n, rows, FORWARD_TOLERANCE, resultRow),
        'd/d x': () => rowsOf(k, rows, GRADIENT_TOLERANCE, (i) => combined(slopeOfRow(i), up, k)),
        'd/d up': () => rowsOf(k, units, GRADIENT_TOLERANCE, (u) => combined(slopeOfUnit(u), x, k)),
        'd/d upBias': () => ({ at: units, values: units.map((u) => total(slopeOfUnit(u))), tolerance: GRADIENT_TOLERANCE }),
        'd/d down': () => columnsOf(n, h, units, GRADIENT_TOLERANCE, (u) => combined(before.unit(u).map(gelu), dy, n)),
        'd/d downBias': () => ({ values: columnSums(dy, m, n), tolerance: GRADIENT_TOLERANCE }),
        'd/d residual': () => ({ values: dy, tolerance: GRADIENT_TOLERANCE }),
      },
      wanted,
    );
  };
}
