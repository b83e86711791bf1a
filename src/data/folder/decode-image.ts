/** PNG and JPEG bytes to RGBA pixels, in plain JavaScript, the same in Node and in Chrome. */
import { convertIndexedToRgb, decode as decodePng, type DecodedPng } from 'fast-png';
import jpeg from 'jpeg-js';
import { InputError } from '../../engine/errors.js';

/** An image in memory: RGBA bytes, row-major, sRGB, alpha always 255. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** Larger pictures are refused before memory is taken for them. */
const MAX_MEGAPIXELS = 100;

/**
 * RGBA from 1 to 4 interleaved 8-bit channels (grey, grey and alpha, RGB, RGBA). What is transparent is laid
 * over black, the colour that augmentation also shows outside an image.
 */
function toRgba(pixels: ArrayLike<number>, channels: number, width: number, height: number): RgbaImage {
  const rgba = new Uint8Array(width * height * 4);
  const grey = channels < 3;
  const hasAlpha = channels % 2 === 0;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels;
    const alpha = hasAlpha ? pixels[from + channels - 1] / 255 : 1;
    for (let c = 0; c < 3; c++) rgba[pixel * 4 + c] = Math.round(pixels[from + (grey ? 0 : c)] * alpha);
    rgba[pixel * 4 + 3] = 255;
  }
  return { width, height, rgba };
}

/** Spreads 1, 2 and 4-bit grey values over 0..255, by way of a palette of greys. */
function unpackGrey(png: DecodedPng): Uint8Array {
  const levels = 2 ** png.depth;
  const palette = Array.from({ length: levels }, (_, level) => Array<number>(3).fill((level * 255) / (levels - 1)));
  return convertIndexedToRgb({ ...png, palette });
}

function fromPng(bytes: Uint8Array): RgbaImage {
  const { width, height } = pngSize(bytes);
  if (width * height > MAX_MEGAPIXELS * 1e6) {
    throw new Error(`it has ${width}×${height} pixels, more than ${MAX_MEGAPIXELS} megapixels`);
  }
  // A copy: the decoder looks at the whole buffer behind the bytes.
  const png = decodePng(new Uint8Array(bytes), { checkCrc: true });
  if (png.palette) {
    return toRgba(convertIndexedToRgb(png), png.palette[0].length, width, height);
  }
  if (png.depth < 8) return toRgba(unpackGrey(png), 3, width, height);
  const pixels = png.depth === 16 ? Uint8Array.from(png.data, (value) => Math.round(value / 257)) : png.data;
  return toRgba(pixels, png.channels, width, height);
}

/** Width and height from the IHDR chunk, which comes first (PNG specification, 11.2.2). */
function pngSize(bytes: Uint8Array): { width: number; height: number } {
  if (bytes.length < 24) throw new Error('it is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/**
 * Whether the picture data of a JPEG (after its first start-of-scan marker FF DA) is closed by an end marker FF D9.
 * Where it is not, the decoder would fill the rest with grey. Cameras append other things behind the end.
 */
function hasJpegEnd(bytes: Uint8Array): boolean {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    // A segment's length counts its own two bytes; FF before a marker may be repeated as filling.
    at += bytes[at + 1] === 0xff ? 1 : 2 + bytes[at + 2] * 256 + bytes[at + 3];
  }
  for (; at + 1 < bytes.length; at++) if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  return false;
}

function fromJpeg(bytes: Uint8Array): RgbaImage {
  if (!hasJpegEnd(bytes)) throw new Error('it is cut off');
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: true,
    tolerantDecoding: false,
    maxResolutionInMP: MAX_MEGAPIXELS,
  });
  return toRgba(data, 4, width, height);
}

const startsWith = (bytes: Uint8Array, signature: readonly number[]) =>
  signature.every((value, index) => bytes[index] === value);

/**
 * Decodes a PNG (grey, palette, colour, with or without alpha, 1 to 16 bits) or a JPEG, told apart by their first
 * bytes. An EXIF orientation is not applied: landmarks belong to the pixels as stored.
 * @param where file and row, for the message
 * @throws {InputError} when it is neither, cut off, damaged, or larger than 100 megapixels
 */
export function decodeImage(bytes: Uint8Array, where: string): RgbaImage {
  const isPng = startsWith(bytes, [0x89, 0x50, 0x4e, 0x47]);
  if (!isPng && !startsWith(bytes, [0xff, 0xd8, 0xff])) {
    throw new InputError(`${where}: the image is neither PNG nor JPEG, expected one of these.`);
  }
  try {
    const image = isPng ? fromPng(bytes) : fromJpeg(bytes);
    if (image.width > 0 && image.height > 0) return image;
    throw new Error('it has no pixels');
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new InputError(`${where}: the ${isPng ? 'PNG' : 'JPEG'} image cannot be read, expected a whole one (${reason}).`, {
      cause,
    });
  }
}
