/** Cholesky factors of small symmetric positive definite matrices, in double precision. */

/**
 * Replaces the lower triangle of `matrix` by L with L·Lᵀ = matrix; the upper triangle is not read.
 * @param matrix [size, size], row-major
 * @returns false, with the matrix half overwritten, when it is not positive definite
 */
export function choleskyInPlace(matrix: Float64Array, size: number): boolean {
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * size + column];
      for (let k = 0; k < column; k++) sum -= matrix[row * size + k] * matrix[column * size + k];
      if (column < row) matrix[row * size + column] = sum / matrix[column * size + column];
      else if (sum > 0) matrix[row * size + row] = Math.sqrt(sum);
      else return false;
    }
  }
  return true;
}

/** Solves L·Lᵀ·x = b in place of `vector`, with the factor that {@link choleskyInPlace} left. */
export function choleskySolve(factor: Float64Array, size: number, vector: Float64Array): void {
  for (let row = 0; row < size; row++) {
    let sum = vector[row];
    for (let k = 0; k < row; k++) sum -= factor[row * size + k] * vector[k];
    vector[row] = sum / factor[row * size + row];
  }
  for (let row = size - 1; row >= 0; row--) {
    const value = vector[row] / factor[row * size + row];
    vector[row] = value;
    for (let k = 0; k < row; k++) vector[k] -= factor[row * size + k] * value;
  }
}
