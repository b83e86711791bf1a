/** Float64 references of the normalisations; arrays are row-major [rows, columns]. */

/** (x − mean) / √(variance + ε) · weight + bias over each row. */
export function layerNorm(x: Float64Array, weight: Float64Array, bias: Float64Array, epsilon = 1e-5): Float64Array {
  const columns = weight.length;
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    const row = x.subarray(start, start + columns);
    const mean = row.reduce((sum, value) => sum + value, 0) / columns;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / columns;
    for (let c = 0; c < columns; c++) y[start + c] = ((row[c] - mean) / Math.sqrt(variance + epsilon)) * weight[c] + bias[c];
  }
  return y;
}

/** Softmax of each row. */
export function softmax(x: Float64Array, columns: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    const largest = Math.max(...x.subarray(start, start + columns));
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += Math.exp(x[start + c] - largest);
    for (let c = 0; c < columns; c++) y[start + c] = Math.exp(x[start + c] - largest) / sum;
  }
  return y;
}

/** x / √(Σ x² + ε) of each row. */
export function l2Normalize(x: Float64Array, columns: number, epsilon = 1e-8): Float64Array {
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    let sum = epsilon;
    for (let c = 0; c < columns; c++) sum += x[start + c] ** 2;
    for (let c = 0; c < columns; c++) y[start + c] = x[start + c] / Math.sqrt(sum);
  }
  return y;
}

/** Mean and population variance of each column. */
export function columnMoments(x: ArrayLike<number>, columns: number): { mean: number[]; variance: number[] } {
  const rows = x.length / columns;
  const mean = Array.from({ length: columns }, () => 0);
  const variance = Array.from({ length: columns }, () => 0);
  for (let c = 0; c < columns; c++) {
    for (let r = 0; r < rows; r++) mean[c] += x[r * columns + c] / rows;
    for (let r = 0; r < rows; r++) variance[c] += (x[r * columns + c] - mean[c]) ** 2 / rows;
  }
  return { mean, variance };
}

/** (x − mean) / √(variance + ε) · weight + bias with each column's moments, or given ones. */
export function batchNorm(
  x: Float64Array,
  weight: Float64Array,
  bias: Float64Array,
  { mean, variance } = columnMoments(x, weight.length),
  epsilon = 1e-5,
): Float64Array {
  const columns = weight.length;
  return x.map((value, i) => {
    const c = i % columns;
    return ((value - mean[c]) / Math.sqrt(variance[c] + epsilon)) * weight[c] + bias[c];
  });
}
