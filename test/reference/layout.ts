/** Float64 references of the layout ops. */

/** [A, B, rest] to [B, A, rest]. */
export function transpose01(x: Float64Array, first: number, second: number): Float64Array {
  const rest = x.length / (first * second);
  const y = new Float64Array(x.length);
  for (let a = 0; a < first; a++) {
    for (let b = 0; b < second; b++) {
      for (let r = 0; r < rest; r++) y[(b * first + a) * rest + r] = x[(a * second + b) * rest + r];
    }
  }
  return y;
}

/** Joins the rows of several matrices. */
export function concatLast(parts: Float64Array[], widths: readonly number[]): Float64Array {
  const rows = parts[0].length / widths[0];
  const y: number[] = [];
  for (let r = 0; r < rows; r++) parts.forEach((part, k) => y.push(...part.subarray(r * widths[k], (r + 1) * widths[k])));
  return Float64Array.from(y);
}

/** Swin's 2 × 2 gather, (row, column) = (0,0), (1,0), (0,1), (1,1), zero padding. */
export function patchMerge(x: Float64Array, batch: number, height: number, width: number, channels: number): Float64Array {
  const y: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < height; r += 2) {
      for (let c = 0; c < width; c += 2) {
        for (const [dr, dc] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
          const inside = r + dr < height && c + dc < width;
          for (let k = 0; k < channels; k++) y.push(inside ? x[((b * height + r + dr) * width + c + dc) * channels + k] : 0);
        }
      }
    }
  }
  return Float64Array.from(y);
}

/** Square patches, inside a patch (row, column, channel). */
export function patchify(x: Float64Array, batch: number, height: number, width: number, channels: number, size: number): Float64Array {
  const y: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < height; r += size) {
      for (let c = 0; c < width; c += size) {
        for (let dr = 0; dr < size; dr++) {
          for (let dc = 0; dc < size; dc++) {
            for (let k = 0; k < channels; k++) y.push(x[((b * height + r + dr) * width + c + dc) * channels + k]);
          }
        }
      }
    }
  }
  return Float64Array.from(y);
}

/** Mean over the middle dimension of [B, T, C]. */
export function meanPool(x: Float64Array, batch: number, tokens: number, channels: number): Float64Array {
  const y = new Float64Array(batch * channels);
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < tokens; t++) {
      for (let c = 0; c < channels; c++) y[b * channels + c] += x[(b * tokens + t) * channels + c] / tokens;
    }
  }
  return y;
}
