/** Pictures and attention maps as PNG data URIs. */
import { encode as encodePng } from 'fast-png';
import type { FaceTile, TileMap } from './types.js';

/**
 * Nine evenly spaced colours of viridis (Smith and van der Walt, matplotlib, CC0): evenly perceived steps, also for
 * colour-blind readers and in grey, and unlike skin.
 */
const VIRIDIS = ['440154', '472d7b', '3b528b', '2c728e', '21918c', '28ae80', '5ec962', 'addc30', 'fde725'].map((hex) =>
  [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)),
);

/** Opacity at the strongest point of a map; the face must stay visible below. */
const MAX_ALPHA = 0.8;

/** Colour of a value in 0..1: [red, green, blue] in 0..255. */
export function viridis(value: number): [number, number, number] {
  const position = Math.min(1, Math.max(0, value)) * (VIRIDIS.length - 1);
  const left = Math.min(VIRIDIS.length - 2, Math.floor(position));
  const part = position - left;
  const mix = (c: number) => Math.round(VIRIDIS[left][c] * (1 - part) + VIRIDIS[left + 1][c] * part);
  return [mix(0), mix(1), mix(2)];
}

/** The colours of {@link viridis} from 0 to 1 as a CSS gradient to the right. */
export const VIRIDIS_GRADIENT = `linear-gradient(to right, ${VIRIDIS.map((rgb) => `rgb(${rgb.join(' ')})`).join(', ')})`;

function dataUri(width: number, height: number, channels: 3 | 4, data: Uint8Array): string {
  const png = encodePng({ width, height, channels, depth: 8, data });
  let text = '';
  // In pieces: a call takes some ten thousand arguments at most.
  for (let at = 0; at < png.length; at += 8192) text += String.fromCharCode(...png.subarray(at, at + 8192));
  return `data:image/png;base64,${btoa(text)}`;
}

/** The picture of a tile, without its alpha channel. */
export function tileUri({ width, height, rgba }: FaceTile): string {
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) rgb.set(rgba.subarray(pixel * 4, pixel * 4 + 3), pixel * 3);
  return dataUri(width, height, 3, rgb);
}

/**
 * A map as a picture to lay over a tile: colour and opacity grow with the value, relative to the largest of the map.
 * Values that are not finite or below 0 are transparent.
 */
export function mapUri({ width, height, values }: TileMap): string {
  const clean = values.map((value) => (Number.isFinite(value) && value > 0 ? value : 0));
  const largest = clean.reduce((max, value) => Math.max(max, value), 0);
  const rgba = new Uint8Array(width * height * 4);
  clean.forEach((value, pixel) => {
    const relative = largest > 0 ? value / largest : 0;
    rgba.set([...viridis(relative), Math.round(255 * MAX_ALPHA * relative)], pixel * 4);
  });
  return dataUri(width, height, 4, rgba);
}
