/** Fits an image into a square: area average when it gets smaller, linear interpolation when it gets larger. */
import type { RgbaImage } from './decode-image.js';

/** Where a point (x, y) of the image comes to lie: (x·scale + offsetX, y·scale + offsetY), pixel centres at +0.5. */
export interface Placement {
  readonly scale: number;
  readonly offsetX: number;
  readonly offsetY: number;
}

/** For each target pixel: the first source pixel, and the weights of it and its neighbours from `begin` to the next begin. */
interface Taps {
  first: Int32Array;
  begin: Int32Array;
  weights: Float64Array;
}

/** Weights along one axis. Target pixels outside the source get none and stay black. */
function tapsOf(sourceSize: number, targetSize: number, scale: number, offset: number): Taps {
  const first = new Int32Array(targetSize);
  const begin = new Int32Array(targetSize + 1);
  const weights: number[] = [];
  for (let target = 0; target < targetSize; target++) {
    begin[target] = weights.length;
    if (scale <= 1) {
      const from = Math.max(0, (target - offset) / scale);
      const to = Math.min(sourceSize, (target + 1 - offset) / scale);
      first[target] = Math.floor(from);
      for (let source = first[target]; source < to; source++) {
        const overlap = Math.min(to, source + 1) - Math.max(from, source);
        // A target pixel at the rim keeps its full weight's share: the rest of its area is black.
        weights.push(Math.max(0, overlap) * scale);
      }
    } else {
      const centre = (target + 0.5 - offset) / scale - 0.5;
      if (centre < -0.5 || centre > sourceSize - 0.5) continue;
      const left = Math.floor(centre);
      first[target] = Math.max(0, left);
      if (left < 0 || left + 1 >= sourceSize) weights.push(1);
      else weights.push(1 - (centre - left), centre - left);
    }
  }
  begin[targetSize] = weights.length;
  return { first, begin, weights: Float64Array.from(weights) };
}

/**
 * Scales an image so that its longer side is `size`, and centres it on a black square. The aspect ratio stays, so a
 * picture that is not square gets bars; one that already has the size comes out as it is, bit for bit.
 * Averages are taken of the sRGB bytes, as the common image tools do.
 * @returns RGBA bytes [size, size, 4] and where the landmarks go
 */
export function resizeToSquare(image: RgbaImage, size: number): { rgba: Uint8Array; placement: Placement } {
  const { width, height, rgba: source } = image;
  const scale = size / Math.max(width, height);
  const placement = { scale, offsetX: (size - width * scale) / 2, offsetY: (size - height * scale) / 2 };
  const across = tapsOf(width, size, scale, placement.offsetX);
  const down = tapsOf(height, size, scale, placement.offsetY);

  const rows = new Float32Array(height * size * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      const target = (y * size + x) * 3;
      for (let tap = across.begin[x]; tap < across.begin[x + 1]; tap++) {
        const from = (y * width + across.first[x] + tap - across.begin[x]) * 4;
        for (let c = 0; c < 3; c++) rows[target + c] += across.weights[tap] * source[from + c];
      }
    }
  }
  const rgba = new Uint8Array(size * size * 4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let tap = down.begin[y]; tap < down.begin[y + 1]; tap++) {
          sum += down.weights[tap] * rows[((down.first[y] + tap - down.begin[y]) * size + x) * 3 + c];
        }
        rgba[(y * size + x) * 4 + c] = Math.min(255, Math.round(sum));
      }
      rgba[(y * size + x) * 4 + 3] = 255;
    }
  }
  return { rgba, placement };
}
