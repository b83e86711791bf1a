/** Float64 references of the augmentation. */
import type { AugmentationOptions } from '../../src/kernels/augment/index.js';
import { philox, uniforms } from './random.js';

const KEY = 0x41554721;

/** Geometry and colour of one row. */
export interface AugmentationRow {
  geometry: number[];
  colour: number[];
}

/** What view `view` of place `sample` of the batch draws at (seed, step). */
export function parametersOf(
  options: AugmentationOptions,
  { seed, step, view, sample, sizeIn, sizeOut }: { seed: number; step: number; view: number; sample: number; sizeIn: number; sizeOut: number },
): AugmentationRow {
  const [crop, pose, tint, rest, effect] = [0, 1, 2, 3, 4].map((draw) => uniforms([draw, sample, view, step], [seed, KEY]));
  const between = (low: number, high: number, at: number) => low + (high - low) * at;
  const either = (at: number) => 2 * at - 1;
  const area = between(options.cropArea[0], options.cropArea[1], crop[0]);
  const aspect = (options.aspect ?? 1) ** either(crop[1]);
  const width = Math.min(sizeIn, sizeIn * Math.sqrt(area * aspect));
  const height = Math.min(sizeIn, sizeIn * Math.sqrt(area / aspect));
  const shift = (options.translation ?? 0) * sizeIn;
  const centreX = between(width / 2, sizeIn - width / 2, crop[2]) + shift * either(rest[2]);
  const centreY = between(height / 2, sizeIn - height / 2, crop[3]) + shift * either(rest[3]);
  const angle = ((options.rotation * Math.PI) / 180) * either(pose[0]);
  const flip = pose[1] < options.flip;
  // Columns of source = centre + R(angle) diag(± width, height) (output / sizeOut − 1/2).
  const a = (Math.cos(angle) * (flip ? -width : width)) / sizeOut;
  const d = (Math.sin(angle) * (flip ? -width : width)) / sizeOut;
  const b = (-Math.sin(angle) * height) / sizeOut;
  const e = (Math.cos(angle) * height) / sizeOut;
  const geometry = [a, b, centreX - ((a + b) * sizeOut) / 2, d, e, centreY - ((d + e) * sizeOut) / 2, flip ? 1 : 0, rest[1] * 2 ** 24];
  const jitter = pose[2] < options.jitterProbability ? 1 : 0;
  const first = Math.min(view, 1);
  const colour = [
    1 + jitter * options.brightness * either(pose[3]),
    1 + jitter * options.contrast * either(tint[0]),
    1 + jitter * options.saturation * either(tint[1]),
    jitter * options.hue * either(tint[2]),
    effect[0] < options.grey ? 1 : 0,
    tint[3] < options.blur[first] ? between(options.blurSigma[0], options.blurSigma[1], rest[0]) : 0,
    effect[1] < (options.solarise ?? [0, 0])[first] ? 1 : 0,
    options.noise ?? 0,
  ];
  return { geometry, colour };
}

function bilinear(image: Uint8Array, size: number, x: number, y: number): number[] {
  const left = Math.floor(x - 0.5);
  const top = Math.floor(y - 0.5);
  const texel = (column: number, row: number, channel: number) => {
    const at = Math.min(size - 1, Math.max(0, row)) * size + Math.min(size - 1, Math.max(0, column));
    return image[4 * at + channel] / 255;
  };
  const [u, v] = [x - 0.5 - left, y - 0.5 - top];
  return [0, 1, 2].map(
    (channel) =>
      (1 - v) * ((1 - u) * texel(left, top, channel) + u * texel(left + 1, top, channel)) +
      v * ((1 - u) * texel(left, top + 1, channel) + u * texel(left + 1, top + 1, channel)),
  );
}

/** Colour changes of one pixel, before noise and normalisation; hue and saturation through the YIQ plane. */
export function recolour(rgb: readonly number[], colour: readonly number[]): number[] {
  const [brightness, contrast, saturation, hue, grey, , solarise] = colour;
  const [r, g, b] = rgb.map((value) => (value * brightness - 0.5) * contrast + 0.5);
  const luma = 0.299 * r + 0.587 * g + 0.114 * b;
  const i = 0.595716 * r - 0.274453 * g - 0.321263 * b;
  const q = 0.211456 * r - 0.522591 * g + 0.311135 * b;
  const kept = grey ? 0 : saturation;
  const [cosine, sine] = [Math.cos(2 * Math.PI * hue), Math.sin(2 * Math.PI * hue)];
  const [turnedI, turnedQ] = [kept * (cosine * i - sine * q), kept * (sine * i + cosine * q)];
  return [0.9563 * turnedI + 0.621 * turnedQ, -0.2721 * turnedI - 0.6474 * turnedQ, -1.107 * turnedI + 1.7046 * turnedQ]
    .map((chroma) => Math.min(1, Math.max(0, luma + chroma)))
    .map((value) => (solarise && value >= 0.5 ? 1 - value : value));
}

/** One augmented image, [sizeOut, sizeOut, 3], normalised with mean 0.5 and standard deviation 0.25. */
export function augmentImage(image: Uint8Array, size: number, { geometry, colour }: AugmentationRow, row: number, sizeOut: number): number[] {
  const [a, b, c, d, e, f, , noiseKey] = geometry;
  const sigma = colour[5];
  const y: number[] = [];
  for (let py = 0; py < sizeOut; py++) {
    for (let px = 0; px < sizeOut; px++) {
      const sample = (dx: number, dy: number) => {
        const [x2, y2] = [px + 0.5 + dx, py + 0.5 + dy];
        return bilinear(image, size, a * x2 + b * y2 + c, d * x2 + e * y2 + f);
      };
      let rgb = sample(0, 0);
      if (sigma > 0) {
        rgb = [0, 0, 0];
        const spacing = Math.max(1, 1.3 * sigma);
        const side = sigma ** 2 / (2 * spacing ** 2);
        for (const v of [-1, 0, 1]) {
          for (const u of [-1, 0, 1]) {
            const weight = (u ? side : 1 - 2 * side) * (v ? side : 1 - 2 * side);
            sample(u * spacing, v * spacing).forEach((value, channel) => (rgb[channel] += weight * value));
          }
        }
      }
      rgb = recolour(rgb, colour);
      if (colour[7] > 0) {
        const u = philox([py * sizeOut + px, 0, 0, 0], [noiseKey, row]).map((word) => ((word >>> 8) + 0.5) / 2 ** 24);
        const radius = Math.sqrt(-2 * Math.log(u[0]));
        const normals = [radius * Math.cos(2 * Math.PI * u[1]), radius * Math.sin(2 * Math.PI * u[1]), Math.sqrt(-2 * Math.log(u[2])) * Math.cos(2 * Math.PI * u[3])];
        rgb = rgb.map((value, channel) => value + colour[7] * normals[channel]);
      }
      y.push(...rgb.map((value) => (value - 0.5) / 0.25));
    }
  }
  return y;
}

/** Output position of a source point: solves the geometry's 2 × 2 system. */
export function toOutput([a, b, c, d, e, f]: readonly number[], x: number, y: number): [number, number] {
  const determinant = a * e - b * d;
  return [(e * (x - c) - b * (y - f)) / determinant, (a * (y - f) - d * (x - c)) / determinant];
}
