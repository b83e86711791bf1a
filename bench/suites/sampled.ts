/**
 * Float64 values of matrix products and of linear layers without activation: whole references would take minutes.
 * Every element counts in Freivalds' check (1977): y v = a (b v) for random signs v, row by row, in O(mk + kn + mn).
 * Beside it some places are summed exactly.
 */
import { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { randomSigns } from '../../src/verify/values.js';
import type { OpCase } from './case.js';
import { hashedPlaces } from './places.js';

/** Places of an output that are summed exactly, beside its corners. */
const PLACES = 128;
const SIGNS_SEED = 504;

/** A matrix in memory: element (i, j) is values[i · byRow + j · byColumn]; one of the two distances is 1. */
interface Matrix {
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
  readonly byRow: number;
  readonly byColumn: number;
}

const matrix = (values: Float64Array, rows: number, columns: number): Matrix => ({ values, rows, columns, byRow: columns, byColumn: 1 });

const transposed = ({ values, rows, columns, byRow, byColumn }: Matrix): Matrix => ({ values, rows: columns, columns: rows, byRow: byColumn, byColumn: byRow });

/** The product with a vector of `columns` numbers, in the order in which the matrix lies. */
function times({ values, rows, columns, byRow, byColumn }: Matrix, vector: ArrayLike<number>): Float64Array {
  const result = new Float64Array(rows);
  if (byColumn === 1) {
    for (let row = 0; row < rows; row++) {
      let total = 0;
      for (let column = 0; column < columns; column++) total += values[row * byRow + column] * vector[column];
      result[row] = total;
    }
  } else {
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < rows; row++) result[row] += values[row * byRow + column * byColumn] * vector[column];
    }
  }
  return result;
}

function entry(a: Matrix, b: Matrix, row: number, column: number): number {
  let total = 0;
  for (let at = 0; at < a.columns; at++) total += a.values[row * a.byRow + at * a.byColumn] * b.values[at * b.byRow + column * b.byColumn];
  return total;
}

/** What is added to a product: bias [n] to every row, and a matrix of the result's shape. */
interface Added {
  readonly bias?: Float64Array;
  readonly residual?: Float64Array;
}

/** a b + bias + residual, a [m, k], b [k, n]. */
function productOf(a: Matrix, b: Matrix, tolerance: number, { bias, residual }: Added = {}): Expected {
  const [rows, columns] = [a.rows, b.columns];
  const weights = randomSigns(columns, SIGNS_SEED);
  const rowValues = times(a, times(b, weights));
  if (bias) {
    const added = times(matrix(bias, 1, columns), weights)[0];
    rowValues.forEach((value, row) => (rowValues[row] = value + added));
  }
  if (residual) {
    const added = times(matrix(residual, rows, columns), weights);
    rowValues.forEach((value, row) => (rowValues[row] = value + added[row]));
  }
  const places = hashedPlaces(rows, columns, PLACES);
  return {
    at: places.map(([row, column]) => row * columns + column),
    values: places.map(([row, column]) => entry(a, b, row, column) + (bias?.[column] ?? 0) + (residual?.[row * columns + column] ?? 0)),
    rowProjection: { weights, values: rowValues },
    tolerance,
  };
}

/** Sums of the columns, every one of them. */
export function columnSums(values: Float64Array, rows: number, columns: number): Float64Array {
  return times(transposed(matrix(values, rows, columns)), new Float64Array(rows).fill(1));
}

/** Those outputs that are wanted, made one by one. */
export function onlyWanted(outputs: Readonly<Record<string, () => Expected>>, wanted: (output: string) => boolean): Record<string, Expected> {
  return Object.fromEntries(Object.entries(outputs).flatMap(([output, make]) => (wanted(output) ? [[output, make()]] : [])));
}

/** Of y = a b, a [m, k], b [k, n]. */
export function sampledProduct(m: number, n: number, k: number): OpCase['expected'] {
  return ({ inputs, dy }, wanted) => {
    const [a, b, gradient] = [matrix(inputs.a, m, k), matrix(inputs.b, k, n), matrix(dy, m, n)];
    return onlyWanted(
      {
        y: () => productOf(a, b, FORWARD_TOLERANCE),
        'd/d a': () => productOf(gradient, transposed(b), GRADIENT_TOLERANCE),
        'd/d b': () => productOf(transposed(a), gradient, GRADIENT_TOLERANCE),
      },
      wanted,
    );
  };
}

/** Of y = aᵀ b alone, a [k, m] named dy, b [k, n] named x. */
export function sampledTransposed(m: number, n: number, k: number): OpCase['expected'] {
  return ({ inputs: { dy: a, x: b } }, wanted) => onlyWanted({ y: () => productOf(transposed(matrix(a, k, m)), matrix(b, k, n), FORWARD_TOLERANCE) }, wanted);
}

/** Of y = x Wᵀ + bias + residual, x [m, k], weight [n, k]. */
export function sampledLinear(m: number, n: number, k: number): OpCase['expected'] {
  return ({ inputs: { x, weight, bias, residual }, dy }, wanted) => {
    const [rows, layer, gradient] = [matrix(x, m, k), matrix(weight, n, k), matrix(dy, m, n)];
    return onlyWanted(
      {
        y: () => productOf(rows, transposed(layer), FORWARD_TOLERANCE, { bias, residual }),
        'd/d x': () => productOf(gradient, layer, GRADIENT_TOLERANCE),
        'd/d weight': () => productOf(transposed(gradient), rows, GRADIENT_TOLERANCE),
        'd/d bias': () => ({ values: columnSums(dy, m, n), tolerance: GRADIENT_TOLERANCE }),
        ...(residual ? { 'd/d residual': (): Expected => ({ values: dy, tolerance: GRADIENT_TOLERANCE }) } : {}),
      },
      wanted,
    );
  };
}
