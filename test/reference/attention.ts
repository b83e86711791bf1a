/**
 * Shifted-window attention in float64, step by step as the Swin paper's code does it: pad, roll, cut into windows,
 * attend with an explicit bias matrix and an explicit mask, put the windows back, roll back, crop.
 */

export interface AttentionCase {
  batch: number;
  height: number;
  width: number;
  heads: number;
  headDim: number;
  windowSize: number;
  shift: number;
}

type Map3 = Float64Array[][]; // [row][column] -> channels

/** Moves every row up and every column left by the shift, around the edges. */
function roll(map: Map3, shiftY: number, shiftX: number): Map3 {
  const rows = [...map.slice(shiftY), ...map.slice(0, shiftY)];
  return rows.map((row) => [...row.slice(shiftX), ...row.slice(0, shiftX)]);
}

/** Region number of every row (or column): -w and -s cut the axis, as in the paper's code. */
function regionsOfAxis(length: number, windowSize: number, shift: number): number[] {
  const regions = new Array<number>(length).fill(0);
  if (shift > 0) {
    regions.fill(1, length - windowSize, length - shift);
    regions.fill(2, length - shift, length);
  }
  return regions;
}

/** relativeIndex[i][j]: row of the bias table for query i and key j. */
function relativeIndex(windowSize: number): number[][] {
  const coordinates: [number, number][] = [];
  for (let y = 0; y < windowSize; y++) for (let x = 0; x < windowSize; x++) coordinates.push([y, x]);
  return coordinates.map(([queryY, queryX]) =>
    coordinates.map(([keyY, keyX]) => (queryY - keyY + windowSize - 1) * (2 * windowSize - 1) + (queryX - keyX + windowSize - 1)),
  );
}

/** One head of one window: rows of q, k, v and an additive [N][N] matrix give rows of output. */
function attend(q: Float64Array[], k: Float64Array[], v: Float64Array[], additive: number[][]): Float64Array[] {
  const dimension = q[0].length;
  return q.map((query, i) => {
    const logits = k.map((key, j) => {
      let product = 0;
      for (let c = 0; c < dimension; c++) product += (query[c] / Math.sqrt(dimension)) * key[c];
      return product + additive[i][j];
    });
    const maximum = Math.max(...logits);
    const weights = logits.map((logit) => Math.exp(logit - maximum));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const output = new Float64Array(dimension);
    weights.forEach((weight, j) => {
      for (let c = 0; c < dimension; c++) output[c] += (weight / total) * v[j][c];
    });
    return output;
  });
}

/**
 * @param qkv [B, H, W, 3C], flat
 * @param table [(2w - 1)^2, heads], flat
 * @param padQkv [3C]: qkv of padding tokens
 * @returns [B, H, W, C], flat
 */
export function windowAttentionReference(options: AttentionCase, qkv: Float64Array, table: Float64Array, padQkv: Float64Array): Float64Array {
  const { batch, height, width, heads, headDim, windowSize, shift } = options;
  const channels = heads * headDim;
  const paddedHeight = Math.ceil(height / windowSize) * windowSize;
  const paddedWidth = Math.ceil(width / windowSize) * windowSize;
  const shiftY = paddedHeight <= windowSize ? 0 : shift;
  const shiftX = paddedWidth <= windowSize ? 0 : shift;
  const regionY = regionsOfAxis(paddedHeight, windowSize, shiftY);
  const regionX = regionsOfAxis(paddedWidth, windowSize, shiftX);
  const index = relativeIndex(windowSize);
  const y = new Float64Array(batch * height * width * channels);
  for (let image = 0; image < batch; image++) {
    const map: Map3 = [];
    for (let row = 0; row < paddedHeight; row++) {
      map.push([]);
      for (let column = 0; column < paddedWidth; column++) {
        const start = ((image * height + row) * width + column) * 3 * channels;
        map[row].push(row < height && column < width ? qkv.subarray(start, start + 3 * channels) : padQkv);
      }
    }
    const rolled = roll(map, shiftY, shiftX);
    const result: Map3 = rolled.map((row) => row.map(() => new Float64Array(channels)));
    for (let top = 0; top < paddedHeight; top += windowSize) {
      for (let left = 0; left < paddedWidth; left += windowSize) {
        const tokens: Float64Array[] = [];
        const regions: number[] = [];
        for (let dy = 0; dy < windowSize; dy++) {
          for (let dx = 0; dx < windowSize; dx++) {
            tokens.push(rolled[top + dy][left + dx]);
            regions.push(regionY[top + dy] * 3 + regionX[left + dx]);
          }
        }
        for (let head = 0; head < heads; head++) {
          const part = (third: number) =>
            tokens.map((token) => token.subarray(third * channels + head * headDim, third * channels + (head + 1) * headDim));
          const additive = index.map((row, i) =>
            row.map((entry, j) => table[entry * heads + head] + (regions[i] === regions[j] ? 0 : -100)),
          );
          attend(part(0), part(1), part(2), additive).forEach((output, token) => {
            const dy = Math.floor(token / windowSize);
            result[top + dy][left + (token - dy * windowSize)].set(output, head * headDim);
          });
        }
      }
    }
    const back = roll(result, paddedHeight - shiftY, paddedWidth - shiftX);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        y.set(back[row][column], ((image * height + row) * width + column) * channels);
      }
    }
  }
  return y;
}
